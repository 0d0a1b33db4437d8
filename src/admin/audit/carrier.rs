// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What carries exported records away: standard output, a socket of this machine, or datagrams to
//! another one.

use super::export::LogFormat;
use crate::admin::failure::{Failure, Outcome};
use std::io::{ErrorKind, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output, a line each.
    Stdout,
    /// A datagram socket of this machine.
    Socket(PathBuf),
    /// Datagrams over the network, to a host and port.
    Udp(String),
}

/// What carries them there.
pub enum Carrier {
    /// Standard output.
    Stdout,
    /// A socket of this machine.
    Socket(UnixDatagram, PathBuf),
    /// The network.
    Udp(UdpSocket, String),
}

impl Destination {
    /// Reads `stdout`, `unix:PATH` or `udp:HOST:PORT`.
    pub fn parse(text: &str) -> Result<Destination, String> {
        let wrong = || "a destination is stdout, unix:PATH or udp:HOST:PORT".to_string();
        match text.split_once(':') {
            None if text == "stdout" => Ok(Destination::Stdout),
            Some(("unix", path)) if !path.is_empty() => Ok(Destination::Socket(path.into())),
            Some(("udp", to)) => match to.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Destination::Udp(to.to_string()))
                }
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }

    /// Where records of a format go if nobody says.
    pub fn of(format: LogFormat) -> Destination {
        match format {
            LogFormat::Journald => Destination::Socket(JOURNAL.into()),
            LogFormat::Syslog | LogFormat::Ocsf => Destination::Stdout,
        }
    }

    /// Whether a format goes there.
    pub fn check(&self, format: LogFormat) -> Outcome<()> {
        match (format, self) {
            (LogFormat::Journald, Destination::Stdout | Destination::Udp(_)) => Err(Failure::new(
                "journald takes its entries at a socket of this machine alone",
                "leave --to away, or name the socket: --to unix:PATH",
            )),
            (LogFormat::Ocsf, Destination::Socket(_) | Destination::Udp(_)) => Err(Failure::new(
                "lines of JSON go to standard output alone",
                "leave --to away, and let your collector read what is written",
            )),
            _ => Ok(()),
        }
    }

    /// Makes ready what carries records there.
    pub fn open(&self) -> Outcome<Carrier> {
        let cannot = |to: &str, error: &std::io::Error| {
            Failure::new(
                format!("cannot send to {to}: {error}"),
                "name where the collector listens: --to unix:PATH or udp:HOST:PORT",
            )
        };
        match self {
            Destination::Stdout => Ok(Carrier::Stdout),
            Destination::Socket(path) => {
                let socket = UnixDatagram::unbound()
                    .and_then(|socket| socket.connect(path).map(|()| socket))
                    .map_err(|error| cannot(&path.display().to_string(), &error))?;
                Ok(Carrier::Socket(socket, path.clone()))
            }
            Destination::Udp(to) => {
                let socket = UdpSocket::bind(any(to))
                    .and_then(|socket| socket.connect(to).map(|()| socket))
                    .map_err(|error| cannot(to, &error))?;
                Ok(Carrier::Udp(socket, to.clone()))
            }
        }
    }
}

impl Carrier {
    /// Sends a record, of this number; says whether anybody still listens.
    pub fn send(&self, seq: u64, message: &[u8]) -> Outcome<bool> {
        let (sent, to) = match self {
            Carrier::Stdout => {
                let mut out = std::io::stdout().lock();
                let done = out.write_all(message).and_then(|()| out.write_all(b"\n"));
                (done, "standard output".to_string())
            }
            Carrier::Socket(socket, path) => {
                (socket.send(message).map(drop), path.display().to_string())
            }
            Carrier::Udp(socket, to) => (socket.send(message).map(drop), to.clone()),
        };
        match sent {
            Ok(()) => Ok(true),
            Err(error)
                if error.kind() == ErrorKind::BrokenPipe && matches!(self, Carrier::Stdout) =>
            {
                Ok(false)
            }
            Err(error) => Err(Failure::new(
                format!("record {seq} was not sent to {to}: {error}"),
                format!("when it listens again, go on with --after {}", seq.saturating_sub(1)),
            )),
        }
    }
}

/// An address of one's own, of the family of a literal one.
fn any(to: &str) -> &'static str {
    match to.parse::<std::net::SocketAddr>() {
        Ok(address) if address.is_ipv6() => "[::]:0",
        _ => "0.0.0.0:0",
    }
}

/// The name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

const JOURNAL: &str = "/run/systemd/journal/socket";
