// Package generators proves that clients can be generated from openapi.yaml. Each test generates a client with the default
// settings of its generator, and compiles and runs a small program that uses it against the server. The programs are in the
// directories of their languages, with the versions of the generators. Generated code is not part of the tree.
package generators
