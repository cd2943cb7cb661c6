name 'broken'
version '1.0.0'
description 'Stands for a bad image: no instance that runs it becomes a worker'
