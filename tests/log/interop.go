// Reads one request as JSON on each line and answers with what golang.org/x/mod/sumdb makes of it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type request struct {
	Do           string
	Vkey, Skey   string
	Note         []byte
	Text         string
	Index, Size  int64
	First        int64
	Proof        [][]byte
	Leaf         []byte
	Root, Before []byte
}

type answer struct {
	Error string
	Text  string
	Note  []byte
	Skey  string
	Vkey  string
}

func hashOf(data []byte) (hash tlog.Hash) {
	copy(hash[:], data)
	return hash
}

func hashesOf(list [][]byte) (hashes []tlog.Hash) {
	for _, data := range list {
		hashes = append(hashes, hashOf(data))
	}
	return hashes
}

func do(asked request) (answered answer, err error) {
	switch asked.Do {
	case "open":
		verifier, err := note.NewVerifier(asked.Vkey)
		if err != nil {
			return answered, err
		}
		opened, err := note.Open(asked.Note, note.VerifierList(verifier))
		if err != nil {
			return answered, err
		}
		answered.Text = opened.Text
	case "sign":
		signer, err := note.NewSigner(asked.Skey)
		if err != nil {
			return answered, err
		}
		answered.Note, err = note.Sign(&note.Note{Text: asked.Text}, signer)
		return answered, err
	case "generate":
		answered.Skey, answered.Vkey, err = note.GenerateKey(nil, asked.Text)
	case "record":
		err = tlog.CheckRecord(hashesOf(asked.Proof), asked.Size, hashOf(asked.Root), asked.Index, hashOf(asked.Leaf))
	case "tree":
		err = tlog.CheckTree(hashesOf(asked.Proof), asked.Size, hashOf(asked.Root), asked.First, hashOf(asked.Before))
	default:
		err = fmt.Errorf("unknown request %q", asked.Do)
	}
	return answered, err
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked request
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		answered, err := do(asked)
		if err != nil {
			answered.Error = err.Error()
		}
		if err := out.Encode(answered); err != nil {
			panic(err)
		}
	}
}
