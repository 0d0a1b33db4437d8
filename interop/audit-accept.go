// SPDX-License-Identifier: Apache-2.0 OR MIT

// Whether the reference implementation of signed notes and transparency logs accepts what `strongroom
// audit` printed, and rejects all that is altered. Its arguments are the verifier key and a directory:
//
//	N.record         a line of the log
//	N.proof          what `audit prove N` printed
//	M.checkpoint     a checkpoint of size M
//	M-N.growth       what `audit consistency M N` printed
package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A tree at one moment, as a note says it.
type tree struct {
	size int64
	root tlog.Hash
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: audit-accept VERIFIER-KEY DIRECTORY")
	}
	work := work{key: os.Args[1], directory: os.Args[2]}
	work.inclusions()
	work.growths()
	work.checkpoints()
	if work.accepted == 0 || work.rejected == 0 {
		log.Fatal("there was nothing to check")
	}
	fmt.Printf("%d accepted, %d altered ones rejected\n", work.accepted, work.rejected)
}

type work struct {
	key, directory     string
	accepted, rejected int
}

// Every proof of a record, then all that is not that proof of that record.
func (w *work) inclusions() {
	proofs := w.files("*.proof")
	for _, path := range proofs {
		proof, record := read(path), read(strings.TrimSuffix(path, ".proof")+".record")
		w.accept(path, included(w.key, proof, record))
		for what, altered := range alterations(proof) {
			w.reject(path+": "+what, included(w.key, altered, record))
		}
		for at := range record {
			altered := []byte(record)
			altered[at] ^= 1
			w.reject(path+": another record", included(w.key, proof, string(altered)))
		}
		w.reject(path+": another key", included(other(w.key), proof, record))
		for _, swapped := range proofs {
			if swapped != path {
				w.reject(path+": swapped", included(w.key, read(swapped), record))
			}
		}
	}
}

// Every proof of growth, with the checkpoint that the log grew from.
func (w *work) growths() {
	growths := w.files("*.growth")
	for _, path := range growths {
		proof := read(path)
		from, _, _ := strings.Cut(filepath.Base(path), "-")
		old := read(filepath.Join(w.directory, from+".checkpoint"))
		w.accept(path, grew(w.key, proof, old))
		for what, altered := range alterations(proof) {
			w.reject(path+": "+what, grew(w.key, altered, old))
		}
		for what, altered := range alterations(old) {
			w.reject(path+": old checkpoint: "+what, grew(w.key, proof, altered))
		}
		w.reject(path+": another key", grew(other(w.key), proof, old))
		for _, swapped := range growths {
			// One from the same size is as good.
			if !strings.HasPrefix(filepath.Base(swapped), from+"-") {
				w.reject(path+": swapped", grew(w.key, read(swapped), old))
			}
		}
	}
}

func (w *work) checkpoints() {
	for _, path := range w.files("*.checkpoint") {
		text := read(path)
		_, err := opened(w.key, text)
		w.accept(path, err)
		for what, altered := range alterations(text) {
			_, err := opened(w.key, altered)
			w.reject(path+": "+what, err)
		}
		_, err = opened(other(w.key), text)
		w.reject(path+": another key", err)
	}
}

// included says why a C2SP tlog-proof does not prove that a record is in the log.
func included(key, proof, record string) error {
	head, text, found := strings.Cut(proof, "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("no proof")
	}
	index, err := number(lines[1], "index ")
	if err != nil {
		return err
	}
	hashes, err := hashes(lines[2:])
	if err != nil {
		return err
	}
	tree, err := opened(key, text)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(hashes, tree.size, tree.root, index, tlog.RecordHash([]byte(record)))
}

// grew says why what a witness is sent does not prove that the log grew from a checkpoint.
func grew(key, proof, old string) error {
	head, text, found := strings.Cut(proof, "\n\n")
	lines := strings.Split(head, "\n")
	if !found {
		return errors.New("no proof")
	}
	size, err := number(lines[0], "old ")
	if err != nil {
		return err
	}
	hashes, err := hashes(lines[1:])
	if err != nil {
		return err
	}
	now, err := opened(key, text)
	if err != nil {
		return err
	}
	before, err := opened(key, old)
	if err != nil {
		return err
	}
	if before.size != size {
		return errors.New("it grew from another size")
	}
	return tlog.CheckTree(hashes, now.size, now.root, before.size, before.root)
}

// opened is the tree that a signed checkpoint is of.
func opened(key, text string) (tree, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tree{}, err
	}
	signed, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return tree{}, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree{}, errors.New("no checkpoint of this log")
	}
	size, err := number(lines[1], "")
	if err != nil {
		return tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tree{size, root}, err
}

func number(line, before string) (int64, error) {
	digits := strings.TrimPrefix(line, before)
	value, err := strconv.ParseInt(digits, 10, 64)
	if !strings.HasPrefix(line, before) || err != nil || strconv.FormatInt(value, 10) != digits {
		return 0, errors.New("no number")
	}
	return value, nil
}

func hashes(lines []string) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// alterations are texts with one line changed, removed or exchanged with the next, each in turn, and
// with another size.
func alterations(text string) map[string]string {
	altered := map[string]string{}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	put := func(what string, at int, with []string) {
		whole := strings.Join(with, "\n") + "\n"
		if whole != text {
			altered[fmt.Sprintf("line %d %s", at+1, what)] = whole
		}
	}
	for at, line := range lines {
		// In its midst: the last character of base64 may have bits of no meaning.
		middle := []byte(line)
		if len(middle) > 0 {
			if middle[len(middle)/2] == 'A' || middle[len(middle)/2] == '1' {
				middle[len(middle)/2]++
			} else {
				middle[len(middle)/2] = 'A'
			}
		}
		changed := append([]string{}, lines...)
		changed[at] = string(middle)
		put("changed", at, changed)
		put("removed", at, append(append([]string{}, lines[:at]...), lines[at+1:]...))
		if at+1 < len(lines) {
			exchanged := append([]string{}, lines...)
			exchanged[at], exchanged[at+1] = lines[at+1], lines[at]
			put("exchanged", at, exchanged)
		}
		if value, err := strconv.ParseInt(line, 10, 64); err == nil {
			resized := append([]string{}, lines...)
			resized[at] = strconv.FormatInt(value+1, 10)
			put("another size", at, resized)
		}
	}
	return altered
}

// other is another verifier key of the same name.
func other(key string) string {
	name, _, _ := strings.Cut(key, "+")
	_, verifier, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		log.Fatal(err)
	}
	return verifier
}

func (w *work) accept(what string, err error) {
	if err != nil {
		log.Fatalf("%s was not accepted: %v", what, err)
	}
	w.accepted++
}

func (w *work) reject(what string, err error) {
	if err == nil {
		log.Fatalf("%s was accepted", what)
	}
	w.rejected++
}

func (w *work) files(pattern string) []string {
	found, err := filepath.Glob(filepath.Join(w.directory, pattern))
	if err != nil || len(found) == 0 {
		log.Fatalf("there is no %s in %s", pattern, w.directory)
	}
	return found
}

func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	return string(text)
}
