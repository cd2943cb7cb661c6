package 'dejavu-sans-fonts'
