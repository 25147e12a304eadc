package contract

import "fmt"

// check compares the contract with the traffic of a test run. It returns what differs. testPlantedErrors shows
// that each check finds something.
type check struct {
	name string
	find func(c *contract, r *recording) []string
}

var checks = []check{
	{"the document is valid OpenAPI", findInvalidDocument},
	{"operations are described", findUndescribedOperations},
	{"examples are valid", findInvalidExamples},
	{"samples are valid", findInvalidSamples},
	{"figures are those of the server", findWrongFigures},
	{"statuses in descriptions are those of the responses", findWrongStatuses},
	{"names in descriptions exist", findUnknownNames},
	{"the parts of the contract agree", findContradictions},
	{"problem codes are those of the server", findWrongCodes},
	{"responses are as described", findWrongResponses},
	{"a public validator accepts the traffic", findRefusalsOfValidator},
	{"other requests are answered with problems", findWrongRefusals},
	{"the described responses are sent", findUnsentResponses},
	{"the described headers are sent", findUnsentHeaders},
	{"the described members and values occur", findUnsentMembers},
	{"the contract is as narrow as the traffic", findLooseDescriptions},
	{"limits of responses are those of the server", findWrongBounds},
	{"the described parameters are accepted", findUnusedParameters},
	{"streams are as described", findWrongStreams},
	{"events are in order", findWrongOrder},
	{"the described events are sent", findUnsentEvents},
	{"folded streams are the state", findWrongFold},
	{"defaults are those of the server", findWrongDefaults},
}

// findings collects what a check finds.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }
