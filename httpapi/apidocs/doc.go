// Package apidocs renders the contract, openapi.yaml, as a page on which its operations can be tried out. All of the text is in
// the page, so that it needs one request and no script to be read. A small script sends requests and shows streams.
package apidocs
