raise 'this recipe fails on purpose: the update that brings it must be rolled back'
