// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Metrics over HTTP, on this machine alone: `GET /metrics` and nothing else. Who connects has so many
//! bytes and so much time; who is too many is sent away.

use super::failure::{Failure, Outcome};
use super::metrics::Meter;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A place where metrics are served.
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// Listens at an address of this machine.
    pub fn listen(address: SocketAddr) -> Outcome<Server> {
        if !address.ip().is_loopback() {
            return Err(Failure::new(
                format!("{address} can be reached from other machines"),
                "listen at 127.0.0.1 or [::1], and let a proxy that knows who asks stand before it",
            ));
        }
        let listener = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let listener = listener.map_err(|error| {
            Failure::new(format!("cannot listen at {address}: {error}"), "choose another port")
        })?;
        Ok(Server { listener })
    }

    /// Where it listens.
    pub fn address(&self) -> Outcome<SocketAddr> {
        self.listener
            .local_addr()
            .map_err(|error| Failure::new(format!("cannot listen: {error}"), "choose another port"))
    }

    /// Serves until it is told to stop.
    pub fn serve(&self, meter: &Meter<'_>, stop: &AtomicBool) {
        let busy = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            while !stop.load(Ordering::Acquire) {
                let stream = match self.listener.accept() {
                    Ok((stream, _)) => stream,
                    Err(_) => {
                        std::thread::sleep(PAUSE);
                        continue;
                    }
                };
                if busy.fetch_add(1, Ordering::AcqRel) >= MOST {
                    busy.fetch_sub(1, Ordering::AcqRel);
                    continue;
                }
                let busy = &busy;
                scope.spawn(move || {
                    // Whoever went away needs no answer.
                    let _ = answer(stream, meter);
                    busy.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
    }
}

fn answer(mut stream: TcpStream, meter: &Meter<'_>) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(LIMIT))?;
    let (status, kind, body) = match request(&mut stream)? {
        Err(status) => (status, "text/plain; charset=utf-8", format!("{status}\n")),
        Ok(()) => match meter.text() {
            Ok(text) => ("200 OK", OPENMETRICS, text),
            Err(failure) => {
                tracing::error!("{}: {}", failure.what, failure.next);
                (
                    "500 Internal Server Error",
                    "text/plain; charset=utf-8",
                    "see the server\n".into(),
                )
            }
        },
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: \
         no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)
}

/// Reads a request to the end of its head; the status of one that is not answered.
fn request(stream: &mut TcpStream) -> std::io::Result<Result<(), &'static str>> {
    let begun = Instant::now();
    let (mut head, mut filled) = ([0; LONGEST], 0);
    loop {
        let left = LIMIT.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Ok(Err(TIMEOUT));
        }
        stream.set_read_timeout(Some(left))?;
        let Some(room) = head.get_mut(filled..).filter(|room| !room.is_empty()) else {
            return Ok(Err("431 Request Header Fields Too Large"));
        };
        match stream.read(room) {
            Ok(0) => return Ok(Err(BAD)),
            Ok(more) => filled += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(Err(TIMEOUT));
            }
            Err(error) => return Err(error),
        }
        let read = head.get(..filled).unwrap_or_default();
        if read.windows(4).any(|end| end == b"\r\n\r\n") {
            return Ok(judge(&String::from_utf8_lossy(read)));
        }
    }
}

/// Whether a request is for the metrics. The name that it was sent to is this machine's: else a page in
/// somebody's browser, whose name was bent to here, could read them.
fn judge(head: &str) -> Result<(), &'static str> {
    let mut lines = head.split("\r\n");
    let first: Vec<_> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, version] = first.as_slice() else { return Err(BAD) };
    if !matches!(*version, "HTTP/1.0" | "HTTP/1.1") {
        return Err(BAD);
    }
    if *method != "GET" {
        return Err("405 Method Not Allowed");
    }
    let fields = lines.filter_map(|line| line.split_once(':'));
    let mut hosts = fields.filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    if let Some((_, host)) = hosts.next() {
        let host = host.trim();
        let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let name = name.map_or(host, |(name, _)| name);
        if !HOSTS.contains(&name) || hosts.next().is_some() {
            return Err("403 Forbidden");
        }
    }
    let path = target.split('?').next().unwrap_or_default();
    if path == "/metrics" { Ok(()) } else { Err("404 Not Found") }
}

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const HOSTS: &[&str] = &["localhost", "127.0.0.1", "[::1]"];
const BAD: &str = "400 Bad Request";
const TIMEOUT: &str = "408 Request Timeout";
/// The longest head of a request, bytes.
const LONGEST: usize = 8192;
/// How long a request may take to come, and an answer to go.
const LIMIT: Duration = Duration::from_secs(5);
/// The most that are answered at once.
const MOST: usize = 8;
const PAUSE: Duration = Duration::from_millis(50);
