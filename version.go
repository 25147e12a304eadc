package pathsync

// Version is the version of the server, of the API description and of the npm package, without a leading "v".
const Version = "0.1.0"
