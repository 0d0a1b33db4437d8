// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The check of a log: line by line, which is the first that is not as it was written, and how. It
//! writes nothing and takes no lock: what it finds stays as evidence, and no writer waits.

use super::chain::{ChainKey, MAC};
use super::facts::Facts;
use super::lines::{self, Line, Lines, Unreadable};
use super::notes::Notes;
use super::recovery::{BROKEN, LOST, RENEW};
use super::tree::{self, Frontier};
use super::verdict::{Asked, Fault, Kind, Verdict};
use super::verify_ends::{End, Keys};
use super::writer::Position;
use crate::error::Result;
use crate::mechanism::primitive::Ratchet;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

/// Checks a log. An error is one of memory or of the cryptography; whatever is wrong with the log is in
/// the verdict.
pub fn verify(asked: &Asked<'_>) -> Result<Verdict> {
    let place = asked.place;
    let mut verdict = Verdict::default();
    // Before the lines: those that come while this reads are beyond it.
    let end = End::find(asked, &mut verdict)?;
    let notes = Notes::read(asked, &mut verdict)?;
    let mut keys = Keys::read(asked, &mut verdict)?;
    let (segments, first) = match (place.segments(), asked.from) {
        (Ok(segments), None) => (segments, 1),
        (Ok(segments), Some(from)) => {
            (segments.into_iter().filter(|first| *first >= from).collect(), from)
        }
        (Err(_), _) => (Vec::new(), 1),
    };
    if segments.is_empty() {
        let kind = if place.directory.is_dir() { Kind::SegmentMissing } else { Kind::LogMissing };
        let file =
            if kind == Kind::LogMissing { place.directory.clone() } else { place.segment(first) };
        verdict.faults.insert(0, Fault { kind, file, line: None, seq: Some(first), until: None });
        return Ok(verdict);
    }
    let mut walk = Walk {
        asked,
        end: &end,
        notes,
        segments,
        tree: Frontier::default(),
        mac: [0; MAC],
        seq: first - 1,
        key: keys.at(first),
        ratchet: Ratchet::default(),
        time: String::new(),
        renewed: 0,
        opened: 0,
        before: 0,
        begun: String::new(),
        verdict,
    };
    let fault = walk.run(&mut keys)?;
    let Walk { notes, mut verdict, seq, .. } = walk;
    notes.conclude(place, seq, &mut verdict);
    if let Some(fault) = fault {
        verdict.faults.insert(0, fault);
    }
    Ok(verdict)
}

/// How far the check has come.
struct Walk<'a> {
    asked: &'a Asked<'a>,
    end: &'a End,
    notes: Notes,
    segments: Vec<u64>,
    tree: Frontier,
    mac: [u8; MAC],
    /// The last record that was good.
    seq: u64,
    /// The key of the next, while there is one.
    key: Option<ChainKey>,
    ratchet: Ratchet,
    time: String,
    /// The last record that another chain was announced with.
    renewed: u64,
    /// The segment that was opened last.
    opened: u64,
    /// The one before it.
    before: u64,
    /// When the one that was opened last was begun.
    begun: String,
    verdict: Verdict,
}

impl Walk<'_> {
    /// Goes through all lines; returns what is wrong with the first bad one.
    fn run(&mut self, keys: &mut Keys) -> Result<Option<Fault>> {
        let mut lines = Lines::of(self.asked.place, &self.segments).peekable();
        while let Some(line) = lines.next() {
            let line = match line {
                Ok(line) => line,
                Err(Unreadable(file)) => return Ok(Some(self.at_file(Kind::Unreadable, file))),
            };
            if !line.whole && lines.peek().is_none() {
                self.verdict.unfinished = line.bytes.len() as u64;
                break;
            }
            if let Some(fault) = self.line(&line, keys)? {
                return Ok(Some(fault));
            }
        }
        self.conclude()
    }

    fn line(&mut self, line: &Line, keys: &mut Keys) -> Result<Option<Fault>> {
        let Some(facts) = line.facts() else {
            return Ok(Some(self.at(line, self.edited_or_foreign())));
        };
        if let Some(kind) = self.segment_kind(line, &facts) {
            let file = match kind {
                Kind::SegmentMissing => self.asked.place.segment(self.seq + 1),
                _ => self.asked.place.segment(line.segment),
            };
            return Ok(Some(self.at_file(kind, file)));
        }
        if facts.store != self.asked.place.store {
            return Ok(Some(self.at(line, Kind::OtherStore)));
        }
        if facts.seq != self.seq + 1 {
            return Ok(Some(self.at(line, self.out_of_order(line, facts.seq)?)));
        }
        if self.asked.from.is_some_and(|from| from > 1 && from == self.seq + 1) {
            self.begin(&facts, line, keys)?;
        }
        if let Some(fault) = self.coded(line, &facts, keys)? {
            return Ok(Some(fault));
        }
        if let Some(kind) = self.contradiction(&facts)? {
            return Ok(Some(self.at(line, kind)));
        }
        if line.number == 1 {
            self.begun.clone_from(&facts.time);
        }
        self.tree.push(tree::leaf(&line.bytes)?)?;
        (self.seq, self.mac, self.time) = (facts.seq, facts.mac, facts.time.clone());
        self.verdict.records += 1;
        self.verdict.last = Some(Position { seq: self.seq, mac: self.mac });
        self.said(line, &facts);
        if let Some(file) = keys.vouch(self.asked.place, &facts)? {
            let fault = self.at_file(Kind::KeysAltered, file);
            self.verdict.faults.push(Fault { seq: Some(facts.seq), ..fault });
        }
        if self.asked.bound.is_some_and(|bound| bound.seq == self.seq && bound.mac != self.mac) {
            return Ok(Some(self.at(line, Kind::OlderCopy)));
        }
        self.reach()
    }

    /// Holds the checkpoint of this size, if there is one, against the tree.
    fn reach(&mut self) -> Result<Option<Fault>> {
        if !self.notes.has(self.seq)
            || self.notes.holds(self.seq, &self.tree.root()?, &mut self.verdict)
        {
            return Ok(None);
        }
        if self.key.is_none() {
            // Nothing but a checkpoint tells that a line is another one, where no code was checked.
            return Ok(Some(self.since_checkpoint()));
        }
        let file = self.asked.place.checkpoint(self.seq);
        let fault = self.at_file(Kind::CheckpointAltered, file);
        self.verdict.faults.push(Fault { seq: Some(self.seq), ..fault });
        Ok(None)
    }

    /// The first record that is looked at is not the first of all: what it says of those before is
    /// believed.
    fn begin(&mut self, facts: &Facts, line: &Line, keys: &Keys) -> Result<()> {
        if let (Some(tree), Some(previous)) = (facts.tree_before(), facts.previous) {
            (self.tree, self.mac) = (tree, previous);
        }
        self.key = keys.find(facts, &self.mac, &line.bytes)?;
        Ok(())
    }

    /// Checks the code of a record, and moves the key on.
    fn coded(&mut self, line: &Line, facts: &Facts, keys: &Keys) -> Result<Option<Fault>> {
        if facts.seq > 1 && keys.vouched(facts.seq) {
            self.key = keys.at(facts.seq);
        }
        if facts.op == BROKEN && facts.keys.is_some() {
            // Nothing but this record says which key it has.
            self.key = keys.behind_break(facts.seq);
        }
        if self.key.is_none() && self.end.follows(self.seq, &self.mac) {
            self.key = self.end.key()?;
        }
        let Some(key) = self.key.take() else { return Ok(None) };
        let Some((text, mac)) = super::record::split(&line.bytes) else { return Ok(None) };
        let with = &mut self.ratchet;
        // Others say that records are gone which never had a key of this chain.
        let lost = if facts.op == LOST { facts.lost.min(MOST_LOST) } else { 0 };
        let key = key.skip(with, lost)?;
        let (tag, next) = key.tag(with, &self.mac, text)?;
        if !crate::mechanism::primitive::equal(&tag, &mac) {
            return Ok(Some(self.at(line, self.edited_or_foreign())));
        }
        self.verdict.chained += 1;
        self.key = Some(next);
        Ok(None)
    }

    /// What a record says of those before it, and is not so.
    fn contradiction(&self, facts: &Facts) -> Result<Option<Kind>> {
        let set_back = facts.back == 0 && facts.time < self.time;
        let over = matches!(facts.op.as_str(), "audit.segment" | "audit.checkpoint");
        let other_root =
            over && (facts.size != Some(self.tree.size()) || facts.root != Some(self.tree.root()?));
        let other_code = facts.op == "audit.segment" && facts.previous != Some(self.mac);
        // The log is begun once, behind the first record of its first segment.
        let again = facts.op == "audit.begin" && facts.seq != 2;
        Ok((set_back || other_root || other_code || again).then_some(Kind::Edited))
    }

    /// What an authentic record says that is a fault of itself, or is to be held against others.
    fn said(&mut self, line: &Line, facts: &Facts) {
        self.verdict.lost += if facts.op == LOST { facts.lost } else { 0 };
        let renewal = matches!(facts.op.as_str(), RENEW | BROKEN);
        self.renewed = if renewal { facts.seq } else { self.renewed };
        if facts.op == BROKEN {
            let fault = self.at_seq(line, Kind::Broken, facts.seq);
            self.verdict.faults.push(fault);
        }
        if !facts.good && (facts.lost > 0 || facts.op == LOST) {
            // No loss of power took them, or wrote anew what is before this.
            let kind = if facts.lost > 0 { Kind::Removed } else { Kind::Edited };
            let fault = self.at_seq(line, kind, facts.seq);
            self.verdict.faults.push(fault);
        }
        if let ("audit.checkpoint", Some(size)) = (facts.op.as_str(), facts.size) {
            self.notes.announced(size);
        }
    }

    /// What is wrong with the files that segments are, if anything, at the first line of one.
    fn segment_kind(&mut self, line: &Line, facts: &Facts) -> Option<Kind> {
        if line.segment == self.opened {
            return None;
        }
        self.before = std::mem::replace(&mut self.opened, line.segment);
        let next = self.seq + 1;
        match (line.segment == next, facts.seq == next) {
            (true, true) => None,
            (false, true) => Some(Kind::SegmentRenamed),
            (true, false) if facts.op == "audit.segment" => Some(Kind::SegmentRenamed),
            (true, false) => None,
            // The one before it may have lost its end; or there was another one between.
            (false, false) if line.segment == facts.seq => match self.begins_with_next() {
                true => Some(Kind::SegmentRenamed),
                false if self.ended_whole(facts) => Some(Kind::SegmentMissing),
                false => None,
            },
            (false, false) => Some(Kind::SegmentRenamed),
        }
    }

    /// Whether some segment's first line is the next record: it has another's name.
    fn begins_with_next(&self) -> bool {
        let first = |segment: &u64| {
            let line = Lines::of(self.asked.place, &[*segment]).next()?.ok()?;
            line.facts().filter(|facts| facts.seq == self.seq + 1)
        };
        self.segments.iter().any(|segment| first(segment).is_some())
    }

    /// Whether the segment that was read last went on as long as one does: a MiB or a day. If not, it
    /// is records of it that are missing.
    fn ended_whole(&self, next: &Facts) -> bool {
        let day = |time: &str| time.split('T').next().map(str::to_owned);
        let path = self.asked.place.segment(self.before);
        path.metadata().is_ok_and(|found| found.len() >= 1 << 20)
            || day(&self.begun) != day(&next.time)
    }

    fn out_of_order(&self, line: &Line, seq: u64) -> Result<Kind> {
        let next = self.seq + 1;
        let here = (line.segment, line.number);
        let (mut twice, mut later) = (false, false);
        for other in Lines::of(self.asked.place, &self.segments).map_while(|line| line.ok()) {
            let at = (other.segment, other.number);
            twice |= at < here && other.bytes == line.bytes;
            later |= at > here && other.facts().is_some_and(|facts| facts.seq == next);
        }
        Ok(match () {
            () if twice => Kind::Duplicated,
            () if self.end.is_known() && self.seq >= self.end.seq() => Kind::Foreign,
            () if seq < next => self.edited_or_foreign(),
            () if later => Kind::Reordered,
            () => Kind::Removed,
        })
    }

    /// A record that is not authentic: one was edited, or another wrote it behind the end.
    fn edited_or_foreign(&self) -> Kind {
        if self.seq < self.end.seq().max(self.notes.latest()) {
            Kind::Edited
        } else {
            Kind::Foreign
        }
    }

    /// A head that is a copy from before another chain began cannot be written with.
    fn old_head(&mut self) -> Result<()> {
        if self.end.is_before(self.renewed) {
            // It may have been read before that chain began.
            let again = End::find(self.asked, &mut Verdict::default())?;
            if again.is_before(self.renewed) {
                let fault = self.at_file(Kind::HeadOlder, self.asked.place.head());
                self.verdict.faults.push(Fault { seq: Some(self.renewed), ..fault });
            }
        }
        Ok(())
    }

    /// All lines were good: whether they are all that there were.
    fn conclude(&mut self) -> Result<Option<Fault>> {
        self.old_head()?;
        let (place, next) = (self.asked.place, self.seq + 1);
        if self.seq >= self.end.seq().max(self.notes.latest()) {
            self.verdict.ahead = self.end.head_seq().map_or(0, |seq| self.seq - seq);
            let other =
                self.end.head_seq() == Some(self.seq) && !self.end.follows(self.seq, &self.mac);
            let torn = self.verdict.unfinished > 0 && !self.end.is_known() && self.stays_torn();
            return Ok(match (other, torn) {
                (true, _) => Some(self.at_file(Kind::HeadAltered, place.head())),
                (_, true) => Some(self.ended(Kind::Truncated)),
                _ => None,
            });
        }
        let segment = self.end.segment().filter(|first| !self.segments.contains(first));
        if let Some(segment) = segment.filter(|segment| *segment == next) {
            return Ok(Some(self.at_file(Kind::SegmentMissing, place.segment(segment))));
        }
        // Head and checkpoints go together with the lines, and the store knows of later ones.
        let together = self.end.head_seq().is_some_and(|seq| seq <= self.seq)
            && self.notes.latest() <= self.seq;
        Ok(Some(self.ended(if together { Kind::OlderCopy } else { Kind::Truncated })))
    }

    /// Whether the last line stays as it is: a writer that lives ends it in no time.
    fn stays_torn(&self) -> bool {
        let last = self.segments.last().copied().unwrap_or(1);
        let ended = || {
            let file = lines::open(&self.asked.place.segment(last)).ok()?;
            let at = file.metadata().ok()?.len().checked_sub(1)?;
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).ok().map(|()| byte == *b"\n")
        };
        for _ in 0..PATIENCE {
            if ended() == Some(true) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    fn ended(&self, kind: Kind) -> Fault {
        let last = self.segments.last().copied().unwrap_or(1);
        self.at_file(kind, self.asked.place.segment(last))
    }

    /// Somewhere since the last checkpoint that holds.
    fn since_checkpoint(&self) -> Fault {
        let from = self.verdict.checkpoint.unwrap_or(0) + 1;
        let segment = self.segments.iter().rev().find(|first| **first <= from).copied();
        let file = self.asked.place.segment(segment.unwrap_or(1));
        let until = Some(self.seq);
        Fault { kind: Kind::Edited, file, line: None, seq: Some(from), until }
    }

    fn at(&self, line: &Line, kind: Kind) -> Fault {
        self.at_seq(line, kind, self.seq + 1)
    }

    fn at_seq(&self, line: &Line, kind: Kind, seq: u64) -> Fault {
        let file = self.asked.place.segment(line.segment);
        Fault { kind, file, line: Some(line.number), seq: Some(seq), until: None }
    }

    fn at_file(&self, kind: Kind, file: PathBuf) -> Fault {
        Fault { kind, file, line: None, seq: Some(self.seq + 1), until: None }
    }
}

/// How often the end is looked at again.
const PATIENCE: usize = 50;
/// How many records a record may say were lost: what says more is believed only as far.
const MOST_LOST: u64 = 1 << 24;
