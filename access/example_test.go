package access_test

import (
	"fmt"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// A user may write to the rooms of a team, except to the budget.
func Example() {
	budget, err := path.Parse("budget")
	if err != nil {
		fmt.Println(err)
		return
	}
	user := access.Identity{
		User:     "u-17",
		Grants:   []access.Grant{{Rooms: access.Glob("team-red/*"), Read: true, Write: true}},
		ReadOnly: []access.ReadOnly{{Rooms: access.Glob("*"), Keys: access.Glob("*"), Path: budget}},
	}
	fmt.Println(user.Allows(access.Read, "team-red/plan"), user.Allows(access.Read, "team-blue/plan"))

	total := path.Path{{Name: "budget"}, {Name: "total"}}
	fmt.Println(user.AllowsOp("team-red/plan", "default", &tree.Op{Kind: tree.Set, Path: total, Value: tree.Number("1")}))
	// Output:
	// true false
	// false
}
