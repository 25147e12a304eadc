package httpapi

import (
	"errors"
	"strconv"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
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

// isTold expects that an error is a problem that a sender can do something with.
func isTold(t *testing.T, err error) {
	t.Helper()
	var p *Problem
	switch {
	case !errors.As(err, &p):
		t.Errorf("not a problem: %v", err)
	case p.Code == InvalidJSON && p.Detail != "" && len(p.Errors) == 0:
	case p.Code == InvalidRequest && len(p.Errors) > 0 && len(p.Errors) <= maxFieldErrors:
	default:
		t.Errorf("%s does not say what is wrong", p.json())
	}
}

// Whatever is taken can be logged: each op is valid, and it says in its canonical text all that there is to know.
func FuzzDecodeBatch(f *testing.F) {
	for _, body := range hostileBodies {
		f.Add([]byte(body))
	}
	s := &Server{cfg: Config{MaxBodyBytes: 1 << 20, MaxOps: 50, MaxDepth: 64}}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := s.decodeBatch(body)
		if err != nil {
			isTold(t, err)
			return
		}
		if len(p.Ops) == 0 || len(p.Ops) > 50 || p.ClientSeq < core.NoClientSeq || p.ClientSeq > 1<<53-1 ||
			core.CheckName(p.Key, core.MaxKeyLength) != nil || core.CheckName(p.ClientID, core.MaxClientIDLength) != nil {
			t.Errorf("taken, and beyond the limits: %q by %q %d, %d ops", p.Key, p.ClientID, p.ClientSeq, len(p.Ops))
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
		again, err := s.decodeBatch(encodeBatch(p))
		if err != nil {
			t.Fatalf("what was taken is refused: %v\n%s", err, encodeBatch(p))
		}
		if again.FilledIn {
			t.Errorf("an id was left out the first time: %s", encodeBatch(p))
		}
		if got, want := string(encodeBatch(again)), string(encodeBatch(p)); got != want {
			t.Errorf("taken once more it is\n%s, and was\n%s", got, want)
		}
	})
}

// encodeBatch writes a proposal as a body that means the same.
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
		u, err := decodePresence("ada", body, 64)
		if err != nil {
			isTold(t, err)
			return
		}
		if core.CheckText(u.Field, core.MaxFieldLength) != nil ||
			u.DisplayName != nil && core.CheckText(*u.DisplayName, core.MaxDisplayNameLength) != nil {
			t.Errorf("taken, and not fit to be shown: %+v", u)
		}
		if u.Via != nil && *u.Via != "" && (*u.Via == "ada" || core.CheckName(*u.Via, core.MaxClientIDLength) != nil) {
			t.Errorf("taken as another client: %q", *u.Via)
		}
		if u.Meta == "" {
			return
		}
		v, err := tree.Parse([]byte(u.Meta), 64)
		if err != nil || len(u.Meta) > maxMeta || string(tree.AppendJSON(nil, v)) != u.Meta {
			t.Errorf("taken as meta: %.200q, %v", u.Meta, err)
		}
	})
}
