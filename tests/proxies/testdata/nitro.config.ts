export default {
  compatibilityDate: '2025-11-01',
  routeRules: {
    '/v1/**': { proxy: 'http://127.0.0.1:8080/v1/**' }
  }
}
