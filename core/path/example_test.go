package path_test

import (
	"fmt"

	"github.com/pathsync/pathsync/core/path"
)

func ExampleParse() {
	p, err := path.Parse(`files.read\.me.lines[l1]`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range p {
		fmt.Println(s.Name, s.Item)
	}
	fmt.Println(p)
	// Output:
	// files false
	// read.me false
	// lines false
	// l1 true
	// files.read\.me.lines[l1]
}
