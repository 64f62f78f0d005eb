UPDATE iris SET species = ''
