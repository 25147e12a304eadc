package contract

import (
	"fmt"
	"strings"

	judged "github.com/pb33f/libopenapi-validator/errors"
)

// findRefusalsOfValidator validates responses, and the requests that the server has accepted, with a public validator, which
// knows nothing of the code above. It is slow, so one exchange of each kind suffices.
func findRefusalsOfValidator(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	judge, err := c.judge()
	if err != nil {
		return []string{err.Error()}
	}
	r.sample(c).described(c, func(_ string, e *exchange) {
		if ok, errs := judge.ValidateHttpResponse(e.request(), e.response()); !ok {
			f.add("%v: %s", e, reasons(errs))
		}
		if e.status < 400 {
			if ok, errs := judge.ValidateHttpRequest(e.request()); !ok {
				f.add("%v, and is not in the contract: %s", e, reasons(errs))
			}
		}
	})
	return found
}

func reasons(errs []*judged.ValidationError) string {
	var b strings.Builder
	for _, err := range errs {
		fmt.Fprintf(&b, "\n  %s: %s", err.Message, err.Reason)
		for _, cause := range err.SchemaValidationErrors {
			fmt.Fprintf(&b, "\n    %s: %s", cause.FieldPath, cause.Reason)
		}
	}
	return b.String()
}
