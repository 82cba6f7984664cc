package nightly

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"lastcall/analyze/finding"
)

// The state is one small JSON file, state.json, in a folder of its own:
//
//	{"format":"lastcall-nightly","version":1,"sha256":"…","state":{…}}
//
// The hash is of the bytes of "state". The file is replaced by a rename after a sync, and its predecessor is kept as
// state.previous.json, so that a kill or a full disk at any moment leaves a whole one. It holds no keys and no evidence: only
// what was concluded, redacted like every report.
const (
	stateFormat   = "lastcall-nightly"
	stateVersion  = 1
	stateName     = "state.json"
	previousName  = "state.previous.json"
	maxSeen       = 5000                // crashes remembered per service
	seenFor       = 21 * 24 * time.Hour // how long a crash is remembered
	forgetGone    = 90 * 24 * time.Hour // how long a finding that is gone is remembered
	pendingMaxAge = 6 * time.Hour       // an interrupted run older than this is not resumed: its window has moved on
)

// state is what one night leaves to the next.
type state struct {
	// LastRun is when the last run began, complete or not.
	LastRun  time.Time                `json:"last_run"`
	Services map[string]*serviceState `json:"services"`
	// Pending is a run that was interrupted: what it had checked need not be asked again.
	Pending *pendingRun `json:"pending,omitempty"`
	// Outbox holds what is marked as reported but has not been delivered yet.
	Outbox []message `json:"outbox,omitempty"`
}

// serviceState is what is known of one service.
type serviceState struct {
	// CheckedTo is the end of the last complete check: what came after is new.
	CheckedTo time.Time `json:"checked_to"`
	// Signals are those that the last complete check saw.
	Signals []string `json:"signals,omitempty"`
	// Seen are the crashes that were counted already.
	Seen     []seenCrash       `json:"seen,omitempty"`
	Findings map[string]*known `json:"findings,omitempty"`
	// Deploy is the last deploy seen.
	Deploy *Deploy `json:"deploy,omitempty"`
}

type seenCrash struct {
	Container string    `json:"c"`
	Time      time.Time `json:"t"`
}

// known is a finding that was reported.
type known struct {
	Kind     Kind          `json:"kind"`
	Cause    finding.Cause `json:"cause"`
	Grade    finding.Grade `json:"grade"`
	Endpoint *string       `json:"endpoint,omitempty"`
	Function *string       `json:"function,omitempty"`
	Summary  string        `json:"summary"`
	// FirstSeen is when the trouble itself was first seen; ReportedAt is when people were last told.
	FirstSeen  time.Time `json:"first_seen"`
	LastSeen   time.Time `json:"last_seen"`
	ReportedAt time.Time `json:"reported_at"`
	// Crashes is the most crashes a night of which people were told, and LastCrashes the number of the last night.
	Crashes     int `json:"crashes"`
	LastCrashes int `json:"last_crashes"`
	// TimeToLimit is the shortest time to the limit, in seconds, of which people were told; 0: none.
	TimeToLimit float64 `json:"time_to_limit,omitempty"`
	// Missing counts complete checks in a row that did not see it.
	Missing int  `json:"missing,omitempty"`
	Gone    bool `json:"gone,omitempty"`
}

// pendingRun is a run that has not ended.
type pendingRun struct {
	Started time.Time  `json:"started"`
	Checked []*checked `json:"checked"`
}

// message is what is to be told, kept until it has been.
type message struct {
	// ID is the same however often it is sent.
	ID   string `json:"id"`
	Text string `json:"text"`
	// Printed and Posted say which ways have been gone.
	Printed bool `json:"printed"`
	Posted  bool `json:"posted"`
	// Alert is set when the findings in it reach the threshold.
	Alert bool `json:"alert"`
}

// messageID names a message for the webhook. The second of the run alone would not do: what cron starts at one minute, over several
// configs, posts to one webhook, which drops what has the id of what it knows.
func (s Store) messageID(run, text string) string {
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		dir = s.Dir
	}
	sum := sha256.Sum256([]byte(dir + "\x00" + text))
	return run + "-" + hex.EncodeToString(sum[:4])
}

type stateFile struct {
	Format  string          `json:"format"`
	Version int             `json:"version"`
	SHA256  string          `json:"sha256"`
	State   json.RawMessage `json:"state"`
}

// Store keeps the state in a folder.
type Store struct{ Dir string }

// errDamaged means that neither the state nor its predecessor can be read.
var errDamaged = errors.New("the state is damaged")

// load reads the state. A missing one is an empty one. note says what is worth telling about how it was found.
func (s Store) load() (st *state, note string, err error) {
	st, err = s.read(stateName)
	switch {
	case err == nil:
		return st, "", nil
	case errors.Is(err, os.ErrNotExist):
		if st, perr := s.read(previousName); perr == nil {
			return st, "the state file was missing; the one before it was used", nil
		}
		return &state{Services: map[string]*serviceState{}}, "", nil
	case !errors.Is(err, errDamaged):
		return nil, "", err
	}
	if st, perr := s.read(previousName); perr == nil {
		return st, "the state file is damaged; the one before it was used", nil
	}
	return &state{Services: map[string]*serviceState{}},
		"the state file is damaged and so is the one before it: this run begins anew, and may say again what was said before", nil
}

func (s Store) read(name string) (*state, error) {
	path := filepath.Join(s.Dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	var f stateFile
	if json.Unmarshal(data, &f) != nil || f.Format != stateFormat {
		return nil, fmt.Errorf("%s: %w", path, errDamaged)
	}
	if f.Version > stateVersion {
		return nil, fmt.Errorf("%s: it was written by a newer lastcall (state version %d, this one knows %d); update lastcall", path, f.Version, stateVersion)
	}
	sum := sha256.Sum256(f.State)
	st := &state{}
	if hex.EncodeToString(sum[:]) != f.SHA256 || json.Unmarshal(f.State, st) != nil {
		return nil, fmt.Errorf("%s: %w", path, errDamaged)
	}
	if st.Services == nil {
		st.Services = map[string]*serviceState{}
	}
	return st, nil
}

// save replaces the state, whole or not at all.
func (s Store) save(st *state) error {
	body, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("save the state: %w", err)
	}
	sum := sha256.Sum256(body)
	data, err := json.Marshal(stateFile{stateFormat, stateVersion, hex.EncodeToString(sum[:]), body})
	if err != nil {
		return fmt.Errorf("save the state: %w", err)
	}
	path := filepath.Join(s.Dir, stateName)
	temp := path + ".tmp"
	if err := writeSynced(temp, append(data, '\n')); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("save the state: %w", err)
	}
	// The predecessor is a second name of the current file until the rename below takes the first name away.
	previous := filepath.Join(s.Dir, previousName)
	if s.readable(stateName) {
		_ = os.Remove(previous)
		if err := os.Link(path, previous); err != nil {
			// A file system without links: a copy serves as well.
			if old, rerr := os.ReadFile(path); rerr == nil {
				_ = writeSynced(previous, old)
			}
		}
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("save the state: %w", err)
	}
	if d, err := os.Open(s.Dir); err == nil {
		_ = d.Sync() // not every system can sync a folder
		_ = d.Close()
	}
	return nil
}

// readable keeps a damaged state from becoming the predecessor.
func (s Store) readable(name string) bool {
	_, err := s.read(name)
	return err == nil
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
