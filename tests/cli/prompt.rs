// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Prompts, at a terminal that `script` (util-linux) makes: what is typed is not shown.

use super::desk::Desk;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Runs the command at a terminal, waits for each prompt before it types the answer, and returns the
/// exit code and all that the terminal showed.
fn at_terminal(desk: &Desk, arguments: &str, answers: &[(&str, &str)]) -> (i32, String) {
    let line = format!("{} {}", env!("CARGO_BIN_EXE_strongroom"), desk.expand(arguments));
    let mut command = desk.command("script", ["-qec", &line, "/dev/null"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("script, of util-linux");
    let mut input = child.stdin.take().unwrap();
    let shown = follow(&mut child);
    let mut seen = 0;
    for (prompt, answer) in answers {
        seen = wait_for(&shown, prompt, seen);
        // The terminal is switched to silence just after the prompt is written.
        std::thread::sleep(Duration::from_millis(100));
        desk.hear(answer.as_bytes());
        writeln!(input, "{answer}").unwrap();
    }
    let code = child.wait().unwrap().code().unwrap_or(-1);
    drop(input);
    let shown = shown.lock().unwrap().clone();
    desk.assert_silent(shown.as_bytes());
    (code, shown)
}

type Shown = std::sync::Arc<std::sync::Mutex<String>>;

fn follow(child: &mut Child) -> Shown {
    let shown = Shown::default();
    let (mut out, sink) = (child.stdout.take().unwrap(), shown.clone());
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = out.read(&mut buffer) {
            sink.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    });
    shown
}

fn wait_for(shown: &Shown, prompt: &str, from: usize) -> usize {
    let begun = Instant::now();
    loop {
        let text = shown.lock().unwrap().clone();
        if let Some(at) = text[from..].find(prompt) {
            return from + at + prompt.len();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "'{prompt}' is not asked: {text}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

const SO: &str = "so-pin-8765309";
const PIN: &str = "user-pin-424242";
const WORDS: &str = "correct horse battery staple";

#[test]
fn pins_are_asked_for_and_not_shown() {
    let desk = Desk::new();
    let answers = [
        ("SO PIN of the new token: ", SO),
        ("once more: ", SO),
        ("User PIN of the new token: ", PIN),
        ("once more: ", PIN),
    ];
    let (code, shown) = at_terminal(&desk, "init --label web", &answers);
    assert_eq!(code, 0, "{shown}");
    let (code, shown) = at_terminal(
        &desk,
        "key generate --type aes --label box",
        &[("User PIN of token 'web': ", PIN)],
    );
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("box"), "{shown}");
    let (code, shown) = at_terminal(&desk, "key list", &[("User PIN of token 'web': ", "wrong")]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("2 attempts are left"), "{shown}");
}

#[test]
fn new_pins_are_typed_twice_alike() {
    let desk = Desk::with_token();
    let (code, shown) = at_terminal(
        &desk,
        "pin change",
        &[("User PIN of token 'web': ", PIN), ("New user PIN: ", "one"), ("once more: ", "two")],
    );
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("not the same"), "{shown}");
    let (code, shown) = at_terminal(&desk, "key list", &[("User PIN", "")]);
    assert_eq!(code, 1, "{shown}");
    desk.run(&["key", "list", "--pin-file", "$D/pin"]).good();
}

#[test]
fn destruction_is_confirmed_by_the_label() {
    let desk = Desk::with_token();
    desk.run(&["key", "generate", "--type", "aes", "--label", "box", "--pin-file", "$D/pin"])
        .good();
    let destroy = "key destroy --label box --reason test --pin-file $D/pin";
    let (code, shown) = at_terminal(&desk, destroy, &[("Type the label", "yes")]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("nothing was done"), "{shown}");
    let (code, shown) = at_terminal(&desk, destroy, &[("Type the label", "box")]);
    assert_eq!(code, 0, "{shown}");
    let listed = desk.run(&["key", "list", "--pin-file", "$D/pin"]).good();
    assert!(!listed.out.contains("box"), "{listed:?}");
}

#[test]
fn passphrases() {
    let desk = Desk::new();
    let init = "init --label web --seal passphrase --so-pin-file $D/so --pin-file $D/pin";
    let answers = [("Passphrase of the new store: ", WORDS), ("once more: ", WORDS)];
    let (code, shown) = at_terminal(&desk, init, &answers);
    assert_eq!(code, 0, "{shown}");
    let (code, shown) = at_terminal(&desk, "token list", &[("Passphrase of the store: ", WORDS)]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("web"), "{shown}");
    let (code, shown) = at_terminal(&desk, "token list", &[("Passphrase of the store: ", "wrong")]);
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("no seal slot opens"), "{shown}");
}

/// What is typed is in the memory of a process that leaves no core behind.
#[test]
fn the_command_dumps_no_core() {
    let desk = Desk::new();
    let line = format!("{} init --label web", env!("CARGO_BIN_EXE_strongroom"));
    let line = format!("ulimit -c unlimited; {line}");
    let mut command = desk.command("script", ["-qec", &line, "/dev/null"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("script, of util-linux");
    let shown = follow(&mut child);
    wait_for(&shown, "SO PIN of the new token: ", 0);
    let asking = descendant(child.id());
    let limits = std::fs::read_to_string(format!("/proc/{asking}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<_> = core.split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{core}");
    // The end of the terminal's input ends the prompt.
    drop(child.stdin.take());
    child.wait().unwrap();
}

/// The last of the processes that a process began, that began others.
fn descendant(pid: u32) -> u32 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let child = children.split_whitespace().next().map(|child| child.parse().unwrap());
    child.map_or(pid, descendant)
}
