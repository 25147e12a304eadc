export default {
  server: {
    proxy: { '/v1': 'http://127.0.0.1:8080' }
  }
}
