package origin_test

import (
	"fmt"

	"github.com/pathsync/pathsync/httpapi/origin"
)

func ExampleParse() {
	_, err := origin.Parse([]string{"https://app.example.com", "http://localhost:3000"})
	fmt.Println(err)
	_, err = origin.Parse([]string{"https://app.example.com/"})
	fmt.Println(err)
	// Output:
	// <nil>
	// "https://app.example.com/" is not an origin: an origin ends after the host and the port
}
