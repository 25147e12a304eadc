// Package contract checks a running server against openapi.yaml, in both directions: what the server does is described, and
// what is described happens.
//
// The tests send every request that the contract describes and cause every response. A transport records the traffic. Then
// each check compares the whole recording with the contract: statuses, problem codes, headers, members, values, parameters,
// events, samples, figures. Members that are not described are errors, although the contract allows clients to expect them of
// later versions. Responses that no test causes are excused by name (noInternalError).
//
// Checks can be wrong, too. Therefore deliberate errors are planted in the contract and in the recording, one at a time, and
// a named check must find each of them (planted_test.go). A new check needs a planted error.
//
// TestServerAndSchemasAcceptTheSameRequests compares the decisions of the server with those of the schemas, for parameters
// and bodies around all limits.
package contract
