// Package contract holds a running server to openapi.yaml.
//
// The tests send every request that the contract describes and provoke every answer. A transport between client and
// server validates whatever passes with a public OpenAPI validator, so a test cannot forget to look. At the end the
// answers seen are compared with the answers described: what the contract promises and no test has seen is a failure,
// unless unseen says why.
package contract
