package problem_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// An error of another package becomes a response.
func ExampleFrom() {
	w := httptest.NewRecorder()
	problem.From(fmt.Errorf("opening a room: %w", core.ErrOverloaded)).Write(w)
	fmt.Println(w.Code, "Retry-After", w.Header().Get("Retry-After"))
	fmt.Println(w.Body)
	// Output:
	// 503 Retry-After 2
	// {"type":"urn:pathsync:problem:overloaded","title":"Server overloaded","status":503,"code":"overloaded","retryable":true}
}

// A stream of several rooms fails because of one of them.
func ExampleInRooms() {
	err := problem.InRooms(problem.New(problem.Forbidden, "read permission is not granted in all of these rooms"), "board-8")
	fmt.Println(problem.From(err).Rooms)
	// Output:
	// [board-8]
}
