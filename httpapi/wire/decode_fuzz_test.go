package wire

import (
	"errors"
	"strconv"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// hostileBodies are seeds of both fuzz targets.
var hostileBodies = []string{
	`{"clientId":"ada","clientSeq":0,"key":"k","ops":[{"op":"set","path":"a.b","value":{"c":[1,-0,1e2,"\ud83d\udca9"]}}]}`,
	`{"clientId":"ada","key":"k","ops":[{"op":"array_add","path":"l","value":{"_sync_id":"x"},"arrayIndex":-1},{"op":"array_del","path":"l[x]"}]}`,
	`{"clientId":"ada","key":"k","ops":[{"op":"array_move","path":"l[\\[]","arrayIndex":99999999999999999999},{"op":"delete","path":"a\\.b"}]}`,
	`{"clientId":"ada","key":"k","ops":[{"op":"init","path":"","value":[{},{"_sync_id":""},[{"_sync_id":1}]]}]}`,
	`{"clientId":"ada","key":"k","ops":[{"op":"array_move","path":"l[a]","to":"m[x.y].n","after":["b",null]},{"op":"array_add","path":"l","value":{},"after":"a"}]}`,
	`{"clientId":"ada","key":"k","ops":[{"op":"array_move","path":"l[a]","to":"","after":[[]]},{"op":"set","path":"l","value":1,"after":null,"to":"m"}]}`,
	`{"clientId":"","clientSeq":9007199254740992,"key":"..","ops":{}}`,
	`{"displayName":"Ada","field":null,"meta":{"n":1.0}}`,
	`{"displayName":1,"field":"\u0000","meta":[[[]]],"x":1}`,
	`{"__proto__":1}`, `[`, `1e999`, "\ufeff{}", `{"a":1,"a":2}`, `null`, ``,
}

// wantProblem expects a problem that names the faults.
func wantProblem(t *testing.T, err error) {
	t.Helper()
	var p *problem.Problem
	switch {
	case !errors.As(err, &p):
		t.Errorf("not a problem: %v", err)
	case p.Code == problem.InvalidJSON && p.Detail != "" && len(p.Errors) == 0:
	case p.Code == problem.InvalidRequest && len(p.Errors) > 0 && len(p.Errors) <= MaxFieldErrors:
	default:
		t.Errorf("%s does not name the fault", p.JSON())
	}
}

// An accepted batch can be logged: each operation is valid, and its canonical text is complete.
func FuzzDecodeBatch(f *testing.F) {
	for _, body := range hostileBodies {
		f.Add([]byte(body))
	}
	limits := Limits{MaxBytes: 1 << 20, MaxOps: 50, MaxDepth: 64}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := DecodeBatch(body, limits)
		if err != nil {
			wantProblem(t, err)
			return
		}
		if len(p.Ops) == 0 || len(p.Ops) > 50 || p.ClientSeq < core.NoClientSeq || p.ClientSeq > 1<<53-1 ||
			core.CheckName(p.Key, core.MaxKeyLength) != nil || core.CheckName(p.ClientID, core.MaxClientIDLength) != nil {
			t.Errorf("accepted beyond the limits: %q by %q %d, %d ops", p.Key, p.ClientID, p.ClientSeq, len(p.Ops))
		}
		for i, op := range p.Ops {
			if err := op.Validate(); err != nil {
				t.Errorf("op %d: %v", i, err)
			}
			if at, err := path.Parse(op.PathText); err != nil || at.String() != op.Path.String() {
				t.Errorf("op %d: the path %q is not its text %q", i, op.Path, op.PathText)
			}
			if (op.Value == nil && op.To == nil) != (op.ValueText == "") {
				t.Errorf("op %d: the value %v has the text %q", i, op.Value, op.ValueText)
			}
		}
		again, err := DecodeBatch(encodeBatch(p), limits)
		if err != nil {
			t.Fatalf("an accepted batch is refused when repeated: %v\n%s", err, encodeBatch(p))
		}
		if again.FilledIn {
			t.Errorf("an id was not assigned the first time: %s", encodeBatch(p))
		}
		if got, want := string(encodeBatch(again)), string(encodeBatch(p)); got != want {
			t.Errorf("decoded again it is\n%s, and was\n%s", got, want)
		}
	})
}

// encodeBatch returns an equivalent body of a proposal.
func encodeBatch(p *core.Proposal) []byte {
	dst := append([]byte(`{"clientId":`), tree.AppendString(nil, p.ClientID)...)
	if p.ClientSeq != core.NoClientSeq {
		dst = strconv.AppendInt(append(dst, `,"clientSeq":`...), p.ClientSeq, 10)
	}
	dst = tree.AppendString(append(dst, `,"key":`...), p.Key)
	dst = append(dst, `,"ops":[`...)
	for i, op := range p.Ops {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendOp(dst, &core.LoggedOp{Kind: op.Kind, Path: op.PathText, Value: op.ValueText, Index: op.Index})
		if len(op.After) > 0 {
			dst = append(dst[:len(dst)-1], `,"after":[`...)
			for i, anchor := range op.After {
				if i > 0 {
					dst = append(dst, ',')
				}
				if anchor == tree.First {
					dst = append(dst, "null"...)
				} else {
					dst = tree.AppendString(dst, anchor)
				}
			}
			dst = append(dst, "]}"...)
		}
	}
	return append(dst, "]}"...)
}

func FuzzDecodePresence(f *testing.F) {
	for _, body := range hostileBodies {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		u, err := DecodePresence("ada", body, 64)
		if err != nil {
			wantProblem(t, err)
			return
		}
		if core.CheckText(u.Field, core.MaxFieldLength) != nil ||
			u.DisplayName != nil && core.CheckText(*u.DisplayName, core.MaxDisplayNameLength) != nil {
			t.Errorf("accepted invalid text: %+v", u)
		}
		if u.Via != nil && *u.Via != "" && (*u.Via == "ada" || core.CheckName(*u.Via, core.MaxClientIDLength) != nil) {
			t.Errorf("accepted as leader: %q", *u.Via)
		}
		if u.Meta == "" {
			return
		}
		v, err := tree.Parse([]byte(u.Meta), 64)
		if err != nil || len(u.Meta) > MaxMeta || string(tree.AppendJSON(nil, v)) != u.Meta {
			t.Errorf("accepted as meta: %.200q, %v", u.Meta, err)
		}
	})
}
