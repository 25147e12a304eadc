package main

// mutant is a planted fault: from is replaced by to in a file, once.
type mutant struct {
	name  string
	file  string // below the root of the repository
	from  string
	to    string
	kills []string // checks that must fail
}

// mutants are faults against the guarantees that several servers, retries and pruning need. Keep them small: one decision
// each, that somebody could make by mistake.
var mutants = []mutant{
	{
		name: "acknowledge a batch whose commit failed", file: "core/attempt.go",
		from:  "	late := ctx.Err() != nil\n	cancel()",
		to:    "	late := ctx.Err() != nil\n	cancel()\n	if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrHistoryChanged) {\n		err = nil\n	}",
		kills: []string{"core", "sim"},
	},
	{
		name: "publish a batch before its commit", file: "core/attempt.go",
		from:  "	err := first.store.Append(ctx, batches)",
		to:    "	first.hub.cluster.committed(first.store, batches)\n	err := first.store.Append(ctx, batches)",
		kills: []string{"sim"},
	},
	{
		name: "fold a received batch that is not the next", file: "core/ahead.go",
		from:  "	for b := a.received[seq+1]; b != nil; b = a.received[seq+1] {",
		to:    "	if a.received[seq+1] == nil && len(a.received) > 0 {\n		for at := range a.received {\n			seq = at - 1\n		}\n	}\n	for b := a.received[seq+1]; b != nil; b = a.received[seq+1] {",
		kills: []string{"core", "sim"},
	},
	{
		name: "fold over a gap in the log", file: "core/fold.go",
		from:  "	if b.ServerSeq != s.seq+1 {",
		to:    "	if b.ServerSeq <= s.seq {",
		kills: []string{"core"},
	},
	{
		name: "forget which batches of a client are committed", file: "core/dedup.go",
		from:  "	if clientSeq > e.Value.(*dedupClient).last {",
		to:    "	if clientSeq != 0 {",
		kills: []string{"core", "sim"},
	},
	{
		name: "do not look for a repeat once a batch is queued", file: "core/commit.go",
		from:  "twice || r.state.dedup.check(s.ClientID, s.ClientSeq) != fresh",
		to:    "twice",
		kills: []string{"core", "sim"},
	},
	{
		name: "recognise no repeats after a restart", file: "core/submit.go",
		from:  `			r.learn(p.ClientID, "", last, seq)`,
		to:    `			r.learn(p.ClientID, "", min(last, NoClientSeq), seq)`,
		kills: []string{"core", "sim"},
	},
	{
		name: "number from memory after a conflict: take another server's batch for one's own", file: "core/reconcile.go",
		from:  "b.equal(p.batches[result.own].Batch)",
		to:    "b.ServerSeq == p.batches[result.own].ServerSeq",
		kills: []string{"core", "sim"},
	},
	{
		name: "forget what was committed elsewhere while a room opened", file: "core/hub_rooms.go",
		from:  "		h.catchUpLocked(s, s.heard, nil)",
		to:    "		h.catchUpLocked(s, 0, nil)",
		kills: []string{"core"},
	},
	{
		name: "ignore the tail for a room in flight", file: "core/catchup.go",
		from:  "	if s.room != nil {\n		h.catchUpLocked(s, serverSeq, b)",
		to:    "	if s.room != nil && (b != nil || h.committer.idle(s.room)) {\n		h.catchUpLocked(s, serverSeq, b)",
		kills: []string{"core"},
	},
	{
		name: "do not compare open rooms with the log after the tail was lost", file: "core/tailer.go",
		from:  "	t.hub.compareWithLog(store)\n",
		to:    "",
		kills: []string{"core", "sim"},
	},
	{
		name: "forget what was committed elsewhere while the log was read", file: "core/ahead.go",
		from:  "	if a.added == asOf {",
		to:    "	if a.added >= asOf {",
		kills: []string{"core"},
	},
	{
		name: "forward batches without a number", file: "core/cluster.go",
		from:  "c.bus == nil || p.ClientSeq == NoClientSeq || p.Allows != nil",
		to:    "c.bus == nil || p.Allows != nil",
		kills: []string{"core", "sim"},
	},
	{
		name: "accept messages of another epoch", file: "core/cluster.go",
		from:  "if r.Text() != store.Epoch() || reopening {",
		to:    `if r.Text() == "" || reopening {`,
		kills: []string{"core"},
	},
	{
		name: "give a draining server rooms", file: "core/members.go",
		from:  "n.Epoch == epoch && !n.Draining && n.Age",
		to:    "n.Epoch == epoch && n.Age",
		kills: []string{"core"},
	},
	{
		name: "give a server of another version rooms", file: "core/members.go",
		from:  "n.Age < MemberTimeout && understands(n) {",
		to:    "n.Age < MemberTimeout {",
		kills: []string{"core", "sim"},
	},
	{
		name: "keep the epoch after a loss", file: "core/history.go",
		from:  "h.reopen(store, errors.Is(cause, ErrHistoryLost), ",
		to:    "h.reopen(store, cause == nil, ",
		kills: []string{"core"},
	},
	{
		name: "write a document row for a batch that is not in it", file: "core/room_checkpoint.go",
		from:  "Key: d.key, ServerSeq: d.seq}, r",
		to:    "Key: d.key, ServerSeq: d.seq + 1}, r",
		kills: []string{"core", "sim"},
	},
	{
		name: "save a checkpoint before its rows", file: "core/state.go",
		from:  "		return d.row.first - 1",
		to:    "		return max(s.seq, d.row.first-1)",
		kills: []string{"core", "sim"},
	},
	{
		name: "prune what the rows do not have", file: "core/retention.go",
		from:  "	return b.ServerSeq < checkpoint && (old || surplus)",
		to:    "	return old || surplus",
		kills: []string{"core"},
	},
	{
		name: "answer a forwarded batch before this server has it", file: "core/cluster.go",
		from:  "		_ = r.reach(ctx, a.Batch.ServerSeq, reachTimeout)",
		to:    "		_ = r.reach(ctx, 0, reachTimeout)",
		kills: []string{"core"},
	},
	{
		name: "store: accept a number that was pruned", file: "core/memstore/store.go",
		from:  "		case head >= b.ServerSeq:\n			return core.ErrConflict\n",
		to:    "		case head >= b.ServerSeq && s.readable(b.Room).has(b.ServerSeq):\n			return core.ErrConflict\n		case head >= b.ServerSeq:\n",
		kills: []string{"store"},
	},
	{
		name: "store: keep the epoch after a loss", file: "core/memstore/store.go",
		from:  "	renamed := lost && s.database.epoch == s.epoch",
		to:    "	renamed := lost && s.database.epoch != s.epoch",
		kills: []string{"store"},
	},
	{
		name: "store: return a batch twice in the tail", file: "core/memstore/tail.go",
		from:  "	t.next = end\n",
		to:    "	t.next = max(t.next, end-1)\n",
		kills: []string{"store"},
	},
	{
		name: "take a restored backup that others have continued for the same history", file: "core/watcher.go",
		from:  "found[0].ServerTs != last.ts",
		to:    "found[0].ServerTs == 0",
		kills: []string{"core"},
	},
	{
		name: "do not expect the database to keep the batches of other servers", file: "core/catchup.go",
		from:  "	r.hub.recordHead(r.store, page[len(page)-1])\n",
		to:    "",
		kills: []string{"core"},
	},
	{
		name: "save checkpoints into a restored backup", file: "core/checkpointer.go",
		from:  "ok := c.verified() && ",
		to:    "ok := ",
		kills: []string{"core"},
	},
	{
		name: "keep the older stream of a client that is not shown", file: "core/room_presence.go",
		from:  "		r.presence.ConnectHidden(c.ClientID, c.UserID, r.streams, time.Now())",
		to:    "		return r.streams, nil",
		kills: []string{"core"},
	},
}
