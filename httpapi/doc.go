// Package httpapi serves version 1 of the HTTP API, as openapi.yaml specifies it: batches, streams, documents, changes,
// presence, and the pages for people.
//
// A request passes through these files:
//
//	server.go        New; ServeHTTP: headers, limits of the address, cross-site checks
//	router.go        the router library, which no other file knows
//	routes.go        which handler serves which route, with which permission
//	auth.go          authentication and permissions
//	request.go       what a handler reads: names and parameters
//	response.go      what a handler writes: progress deadlines, measurements
//	accesslog.go     what is logged at the end
//
// Handlers are functions of a *response and a *request that return an error, usually a *problem.Problem. The packages
// below have one idea each and know nothing of handlers:
//
//	problem          error responses
//	wire             JSON, event ids, cursors
//	feed             what streams read: framed events, catch-up, past batches
//	limit, budget    what one party may use; what all requests may hold in memory
//	origin           which pages may use the API
//	token, ticket    credentials in requests
//
// A Server is an http.Handler:
//
//	api := httpapi.New(httpapi.Config{Hub: core.Config{Store: store}})
//	server := &http.Server{Handler: api, ConnState: api.ConnState}
//
// Package server assembles a complete server. Programs that embed pathsync use that package.
package httpapi
