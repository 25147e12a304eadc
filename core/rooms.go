package core

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"
)

// RoomInfo describes a room to an operator.
type RoomInfo struct {
	Name      string
	Open      bool  // at this server; the fields below are then of its memory
	ServerSeq int64 // of the last batch
	LastWrite int64 // serverTs of the last batch, in milliseconds since the Unix epoch; 0: it is not known
	Readers   int   // streams at this server
	Documents int
	Bytes     int64 // size of the documents as JSON; of a room that is not open, as the database counts it
}

// Bounds of one page of rooms.
const (
	MaxRoomPage     = 1000   // rooms
	maxPageRows     = 20_000 // document rows
	maxPageDuration = 2 * time.Second
)

// OpenRooms returns the rooms that are open at this server, from the one that was opened first on. after is "" or the next of
// the page before; next is "" at the end. A room that is open all the time is returned once.
func (h *Hub) OpenRooms(after string, limit int) (page []RoomInfo, next string, err error) {
	position, err := parseOpening(after)
	if err != nil {
		return nil, "", err
	}
	rooms, next := h.openedAfter(position, min(limit, MaxRoomPage))
	for _, r := range rooms {
		page = append(page, r.info())
	}
	return page, next, nil
}

// StoredRooms returns the rooms that have batches or documents in the database, in the database's order of names. after is "" or
// the next of the page before; next is "" at the end. A page can have fewer rooms than limit before the end, because its cost is
// bounded. Of a room that is open at this server, the memory has the current numbers.
func (h *Hub) StoredRooms(ctx context.Context, after string, limit int) (page []RoomInfo, next string, err error) {
	if !utf8.ValidString(after) || strings.ContainsRune(after, 0) { // PostgreSQL refuses such texts
		return nil, "", ErrInvalidPosition
	}
	began, rows, store := time.Now(), 0, h.store()
	for len(page) < min(limit, MaxRoomPage) && rows < maxPageRows && time.Since(began) < maxPageDuration {
		room, err := h.roomAfter(ctx, store, after)
		if err != nil {
			return nil, "", err
		}
		if room.Name == "" {
			return page, "", nil
		}
		info := RoomInfo{Name: room.Name, ServerSeq: room.ServerSeq, LastWrite: room.ServerTs, Documents: room.Documents, Bytes: room.Bytes}
		if r := h.openRoom(store, room.Name); r != nil {
			stored := info.LastWrite
			info = r.info()
			info.LastWrite = max(info.LastWrite, stored)
		}
		page, after, rows = append(page, info), room.Name, rows+1+room.Documents
	}
	return page, after, nil
}

func (h *Hub) roomAfter(ctx context.Context, store Store, after string) (StoredRoom, error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.StoreTimeout)
	defer cancel()
	room, err := store.RoomAfter(ctx, after)
	return room, h.storeError(store, err, "listing rooms")
}

// openedAfter returns the rooms of slots after a position, and the position of the last one; "" at the end.
func (h *Hub) openedAfter(position uint64, limit int) (rooms []*Room, next string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.openings.after(position) {
		if s.room == nil {
			continue // it is being opened, or could not be opened
		}
		if len(rooms) == limit {
			return rooms, formatOpening(position)
		}
		rooms, position = append(rooms, s.room), s.opening
	}
	return rooms, ""
}

// info describes an open room.
func (r *Room) info() RoomInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return RoomInfo{
		Name: r.name, Open: r.err == nil, ServerSeq: r.state.seq, LastWrite: r.state.seqTs,
		Readers: r.listener.Readers(), Documents: len(r.state.docs), Bytes: int64(r.state.size),
	}
}
