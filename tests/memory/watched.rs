// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A working process, stopped and searched at each step of its life.

use crate::common::child;
use crate::known;
use crate::reader::Files;
use crate::scan::{self, Hit, Needle};
use crate::worker::{self, LOCKED, LOOKS, ORDINARY};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout};
use tempfile::TempDir;

/// A worker that waits to be looked at.
struct Watched {
    process: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    heard: Vec<String>,
}

impl Watched {
    fn start(test: &str, role: &str, job: &Path) -> Watched {
        let mut command = child::command(test, role);
        command.env("JOB", job).current_dir(job).env("STRONGROOM_LOG", "warn");
        let mut process = child::spawn(command);
        let input = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Watched { process, input, lines, heard: Vec::new() }
    }

    /// Waits until the worker says that it is at a place, and stays there.
    fn until(&mut self, place: &str) {
        while self.heard.last().is_none_or(|line| *line != format!("at {place}")) {
            let line = self.lines.next().unwrap_or_else(|| panic!("ended: {:?}", self.heard));
            self.heard.push(line.unwrap());
        }
    }

    fn go_on(&mut self) {
        self.heard.push("went on".to_string());
        writeln!(self.input, "go").unwrap();
    }

    /// The memory of the worker, which does not move meanwhile.
    fn look(&self, needles: &[Needle]) -> Vec<Hit> {
        let pid = self.process.id();
        self.stop();
        let hits = scan::process(pid, needles);
        signal(pid, libc::SIGCONT);
        hits
    }

    /// The stacks of its threads and other ordinary memory alone: private numbers that are there while
    /// something is calculated are there for moments.
    fn glance(&self, needles: &[Needle]) -> Vec<Hit> {
        let pid = self.process.id();
        self.stop();
        let hits = scan::some(pid, needles, |place| place.in_core() && place.path.is_empty());
        signal(pid, libc::SIGCONT);
        std::thread::sleep(std::time::Duration::from_millis(2));
        hits
    }

    fn stop(&self) {
        let pid = self.process.id();
        signal(pid, libc::SIGSTOP);
        let stopped = |thread: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap();
            stat.rsplit(") ").next().unwrap().starts_with('T')
        };
        let all = || {
            let mut threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
            threads.all(|thread| stopped(thread.unwrap()))
        };
        while !all() {
            std::thread::yield_now();
        }
    }

    /// Lets it end well; returns what it said on standard error.
    fn end(mut self) -> String {
        self.go_on();
        drop(self.input);
        self.heard.extend(self.lines.map_while(Result::ok));
        let output = self.process.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{:?}\n{errors}", self.heard);
        errors
    }
}

fn signal(pid: u32, signal: i32) {
    // SAFETY: signals a child of this process that nobody has waited for.
    assert_eq!(unsafe { libc::kill(pid as libc::pid_t, signal) }, 0);
}

/// The names of what was found, where, and what kind of memory it is.
fn told(hits: &[Hit]) -> String {
    let key = |hit: &Hit| format!("{} in {:?} [{}]", hit.name, hit.region.path, hit.region.flags);
    let all: BTreeMap<_, _> = hits.iter().map(|hit| (key(hit), hit.address)).collect();
    let lines: Vec<_> =
        all.iter().map(|(place, last)| format!("{place}, last at {last:x}")).collect();
    lines.join("\n")
}

fn nothing(when: &str, hits: Vec<Hit>) {
    assert!(hits.is_empty(), "{when}:\n{}", told(&hits));
}

/// A directory with keys and a configuration, and what to look for.
fn job() -> (TempDir, Vec<Needle>) {
    let directory = TempDir::with_prefix("strongroom-memory-").unwrap();
    let needles = known::make(directory.path());
    let text = format!("[store]\npath = {:?}\n", directory.path().join("store"));
    std::fs::write(directory.path().join("strongroom.toml"), text).unwrap();
    (directory, needles)
}

/// What protects the store, once there is one.
fn seal(job: &Path) -> [Needle; 2] {
    let store = job.join("store");
    let master = Files::open(&store).master;
    let seal = std::fs::read(store.join("seal-1.key")).unwrap();
    [Needle::new("seal", &seal), Needle::new("master key", &master)]
}

#[test]
fn secrets_are_in_locked_memory_out_of_core_dumps_and_gone_after_logout() {
    let test = "watched::secrets_are_in_locked_memory_out_of_core_dumps_and_gone_after_logout";
    if let Some(role) = child::role() {
        return worker::work(&role);
    }
    let (job, mut needles) = job();
    for role in ["work", "again"] {
        let mut watched = Watched::start(test, role, job.path());
        watched.until("work");
        if role == "work" {
            needles.extend(seal(job.path()));
        }
        at_work(&mut watched, &needles, true);
        at_rest(&mut watched, &needles, true);
        watched.until("logout");
        nothing("after C_Logout", watched.look(&needles));
        watched.go_on();
        watched.until("finalize");
        nothing("after C_Finalize", watched.look(&needles));
        let said = watched.end();
        assert!(!said.contains("lock"), "{said}");
    }
}

/// While keys are in use, at moments of chance: where they are.
fn at_work(watched: &mut Watched, needles: &[Needle], all_locked: bool) {
    for _ in 0..LOOKS {
        watched.until("work");
        let mut hits = watched.look(needles);
        (0..GLANCES).for_each(|_| hits.extend(watched.glance(needles)));
        hits.retain(|hit| misplaced(hit, all_locked));
        nothing("at work, in ordinary memory", hits);
        watched.go_on();
    }
}

/// Attributes that are no key material need not be locked while somebody is logged in.
fn misplaced(hit: &Hit, all_locked: bool) -> bool {
    let place = &hit.region;
    hit.name != "label" && (place.in_core() || all_locked && !place.locked())
}

/// When no call is in progress and somebody is logged in: the same, and nothing on the stacks.
fn at_rest(watched: &mut Watched, needles: &[Needle], all_locked: bool) {
    watched.until("rest");
    let hits = watched.look(needles);
    watched.go_on();
    let (wrong, right): (Vec<_>, Vec<_>) =
        hits.into_iter().partition(|hit| misplaced(hit, all_locked));
    nothing("at rest, in ordinary memory", wrong);
    let seen: BTreeSet<_> = right.into_iter().map(|hit| hit.name).collect();
    // A search that finds nothing anywhere proves nothing: keys are in memory while they are used.
    for kind in known::KINDS {
        let name = |seen: &String| seen.starts_with(&format!("{} ", kind.name));
        assert!(seen.iter().any(name), "{} is nowhere: {seen:?}", kind.name);
    }
}

#[test]
fn where_little_may_be_locked_as_much_is() {
    let test = "watched::where_little_may_be_locked_as_much_is";
    if let Some(role) = child::role() {
        return worker::work(&role);
    }
    let (job, needles) = job();
    let mut watched = Watched::start(test, "unlocked", job.path());
    watched.until("work");
    let status = std::fs::read_to_string(format!("/proc/{}/status", watched.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    let locked: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    assert_eq!(locked << 10, LOCKED, "all that may be");
    at_work(&mut watched, &needles, false);
    at_rest(&mut watched, &needles, false);
    watched.until("logout");
    nothing("after C_Logout", watched.look(&needles));
    watched.go_on();
    watched.until("finalize");
    let said = watched.end();
    assert_eq!(said.matches("RLIMIT_MEMLOCK").count(), 1, "one warning: {said}");
}

#[test]
fn a_forked_child_has_no_secret_of_its_parents() {
    let test = "watched::a_forked_child_has_no_secret_of_its_parents";
    if let Some(role) = child::role() {
        return worker::work(&role);
    }
    let (job, needles) = job();
    let mut watched = Watched::start(test, "fork", job.path());
    watched.until("work");
    watched.go_on();
    watched.until("idle");
    let pid = watched.heard.iter().find_map(|line| line.strip_prefix("pid ")).unwrap();
    let pid = pid.parse().unwrap();
    nothing("in a child that waits", scan::process(pid, &needles));
    watched.go_on();
    watched.until("initialised");
    nothing("in a child that began anew", scan::process(pid, &needles));
    watched.go_on();
    watched.until("parent");
    let found: BTreeSet<_> = watched.look(&needles).into_iter().map(|hit| hit.name).collect();
    assert!(found.iter().any(|name| name.starts_with("p256")), "the parent keeps its keys");
    watched.end();
}

/// Real cores, where the kernel is told to write one beside the process: taken in the midst of work, at
/// moments of chance.
#[test]
fn a_core_dump_has_no_secret() {
    let test = "watched::a_core_dump_has_no_secret";
    if let Some(role) = child::role() {
        return worker::work(&role);
    }
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if pattern.contains(['|', '/', '%']) {
        // The kernel gives it to a program, or puts it where other processes' are: the test above reads
        // what it would hold.
        return;
    }
    let (job, mut needles) = job();
    let there = [Needle::new("ordinary", ORDINARY)];
    for round in 0..CORES {
        let role = if round == 0 { "core" } else { "core again" };
        // A limit of the machine's may forbid it.
        let Some(core) = dump(test, role, job.path()) else { return };
        if round == 0 {
            needles.extend(seal(job.path()));
        }
        assert!(!scan::core(&core, &there).is_empty(), "the core holds the process's memory");
        let mut found: BTreeSet<_> = scan::core(&core, &needles).into_iter().collect();
        found.remove("label");
        assert!(found.is_empty(), "in core dump {round}: {found:?}");
        std::fs::remove_file(core).unwrap();
    }
}

/// The core of a worker that ends in the midst of work.
fn dump(test: &str, role: &str, job: &Path) -> Option<PathBuf> {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    let mut command = child::command(test, role);
    command.env("JOB", job).current_dir(job);
    // SAFETY: between fork and exec, a system call on a local.
    unsafe {
        command.pre_exec(|| {
            let all = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
            libc::setrlimit(libc::RLIMIT_CORE, &all);
            Ok(())
        });
    }
    let mut process = child::spawn(command);
    let mut input = process.stdin.take().unwrap();
    (0..LOOKS).for_each(|_| writeln!(input, "go").unwrap());
    let output = process.wait_with_output().unwrap();
    let said = child::everything(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    let named = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("core");
    let mut files = std::fs::read_dir(job).unwrap().map(|entry| entry.unwrap());
    output.status.core_dumped().then(|| files.find(named).expect("a core file").path())
}

/// How often ordinary memory is looked at beside each look at everything. One in fifteen or so finds a
/// number where calculations run on the threads' stacks.
const GLANCES: usize = 6;
/// How many cores are searched.
const CORES: usize = 4;
