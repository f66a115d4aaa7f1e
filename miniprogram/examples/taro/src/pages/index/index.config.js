export default { navigationBarTitleText: 'wxauth' }
