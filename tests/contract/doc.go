// Package contract checks a running server against openapi.yaml.
//
// The tests send every request that the contract describes and provoke every response. A transport between client and
// server validates all requests and responses with a public OpenAPI validator, so no test can omit the check. At the end,
// each response in the contract must have been seen, unless unseen has a reason.
package contract
