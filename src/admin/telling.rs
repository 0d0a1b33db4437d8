// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Alarms are told: to a command, to syslog, or to a webhook on this machine. Each attempt has an end.

use crate::config::{self, Delivery};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Whoever is told.
pub(super) struct Tellers<'a> {
    settings: &'a config::Watch,
    /// Set when there is no more time.
    stop: &'a AtomicBool,
    /// Those that failed last: they are tried once until they work again, so that one that is gone does
    /// not keep the others waiting.
    down: HashSet<String>,
}

/// An alarm as it is told.
pub(super) struct Message<'a> {
    pub(super) time: &'a str,
    pub(super) json: &'a str,
}

impl<'a> Tellers<'a> {
    pub(super) fn new(settings: &'a config::Watch, stop: &'a AtomicBool) -> Tellers<'a> {
        Tellers { settings, stop, down: HashSet::new() }
    }

    /// Whether there is one of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.settings.deliveries.iter().any(|one| one.name == name)
    }

    /// Tells one, as often as it takes within bounds; why it failed.
    pub(super) fn tell(&mut self, name: &str, message: &Message<'_>) -> Result<(), String> {
        let found = self.settings.deliveries.iter().find(|one| one.name == name);
        let delivery = found.ok_or("the configuration has no such delivery")?;
        let attempts = if self.down.contains(name) { 1 } else { self.settings.attempts };
        let limit = Duration::from_secs(self.settings.seconds);
        let mut why = String::new();
        for attempt in 0..attempts {
            self.pause(Duration::from_secs(attempt.into()));
            match once(delivery, message, limit) {
                Ok(()) => {
                    self.down.remove(name);
                    return Ok(());
                }
                Err(error) => why = error,
            }
            if self.stop.load(Ordering::Acquire) {
                break;
            }
        }
        self.down.insert(name.to_string());
        Err(why)
    }

    fn pause(&self, long: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < long && !self.stop.load(Ordering::Acquire) {
            std::thread::sleep(STEP);
        }
    }
}

fn once(delivery: &Delivery, message: &Message<'_>, limit: Duration) -> Result<(), String> {
    if let [program, arguments @ ..] = delivery.command.as_slice() {
        return command(program, arguments, message, limit);
    }
    if !delivery.syslog.is_empty() {
        return syslog(&delivery.syslog, message).map_err(|error| error.to_string());
    }
    webhook(delivery, message, limit)
}

/// The program has nothing of this process's environment, where a passphrase may be.
fn command(
    program: &str,
    arguments: &[String],
    message: &Message<'_>,
    limit: Duration,
) -> Result<(), String> {
    let kept = KEPT.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value)));
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(kept)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("'{program}' cannot be run: {error}"))?;
    let input = child.stdin.take();
    let json = message.json.to_string();
    // In a thread of its own: one that does not read must not hold us up.
    std::thread::spawn(move || {
        if let Some(mut input) = input {
            // One that does not read it all may be content all the same: its code says so.
            let _ = input.write_all(json.as_bytes()).and_then(|()| input.write_all(b"\n"));
        }
    });
    wait(&mut child, limit).map_err(|why| format!("'{program}' {why}"))
}

fn wait(child: &mut Child, limit: Duration) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("ended with {status}")),
            Ok(None) if begun.elapsed() > limit => {
                let _ = child.kill().and_then(|()| child.wait());
                return Err(format!("did not end within {} s", limit.as_secs()));
            }
            Ok(None) => std::thread::sleep(STEP),
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    }
}

/// Facility "log audit", severity "alert".
fn syslog(path: &str, message: &Message<'_>) -> std::io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    let (pid, host) = (std::process::id(), super::host());
    let Message { time, json, .. } = message;
    let text = format!("<105>1 {time} {host} strongroom {pid} alarm - {json}");
    socket.send(text.as_bytes()).map(drop)
}

fn webhook(delivery: &Delivery, message: &Message<'_>, limit: Duration) -> Result<(), String> {
    let (address, path) = delivery.hook().ok_or("the webhook is not one of this machine")?;
    let json = message.json;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: \
         {}\r\nConnection: close\r\n\r\n{json}",
        json.len()
    );
    let mut answer = [0; 64];
    let mut read = 0;
    let exchange = |answer: &mut [u8], read: &mut usize| -> std::io::Result<()> {
        let begun = Instant::now();
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_write_timeout(Some(limit))?;
        stream.write_all(request.as_bytes())?;
        while *read < ANSWER {
            let left = limit.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
            stream.set_read_timeout(Some(left))?;
            let Some(room) = answer.get_mut(*read..) else { break };
            match stream.read(room)? {
                0 => break,
                more => *read += more,
            }
        }
        Ok(())
    };
    exchange(&mut answer, &mut read).map_err(|error| format!("{address}: {error}"))?;
    let status = answer.get(..ANSWER).unwrap_or_default();
    match status {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', b'2', ..] => Ok(()),
        _ => {
            let line = String::from_utf8_lossy(answer.get(..read).unwrap_or_default()).into_owned();
            Err(format!("{address} answered '{}'", line.lines().next().unwrap_or_default()))
        }
    }
}

/// What a command keeps of the environment.
const KEPT: &[&str] = &["PATH", "HOME", "LANG", "TZ"];
/// How much of an answer tells whether it is a good one: `HTTP/1.1 200`.
const ANSWER: usize = 12;
const STEP: Duration = Duration::from_millis(20);
