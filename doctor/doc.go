// Package doctor says what is wrong on the way between a client and a server.
//
// Whoever wants to know sends probes (see openapi.yaml) and notes what comes of them, as Observations. Diagnose makes
// Findings of those: each with a stable code, in words, and with the recipe that mends it. The package is pure: it makes no
// request and has no clock, so that every fault that a proxy can have is a row of a table in its tests.
package doctor
