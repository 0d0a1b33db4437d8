// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom metrics --listen`: one page, on this machine, for who asks well.

use crate::desk::Desk;
use crate::metrics::{line, segment};
use crate::openmetrics::read;
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};

struct Served(Child, SocketAddr);

impl Served {
    fn begin(desk: &Desk) -> Served {
        let arguments = ["metrics", "--log-only", "--listen", "127.0.0.1:0"];
        let mut command = desk.command(env!("CARGO_BIN_EXE_strongroom"), arguments);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.trim().strip_prefix("metrics are at http://");
        let address = address.and_then(|rest| rest.strip_suffix("/metrics")).expect(&said);
        Served(child, address.parse().unwrap())
    }

    fn ask(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.1).unwrap();
        stream.write_all(request).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        // Who was refused in the midst of what it sent may see the connection end.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn one_page() {
    let desk = Desk::new();
    segment(&desk, 1, &[line(1, &json!({}))]);
    let mut served = Served::begin(&desk);
    for (request, status) in [
        ("GET /metrics HTTP/1.1\r\nHost: localhost:9\r\n\r\n", "200"),
        ("GET /metrics HTTP/1.0\r\n\r\n", "200"),
        ("GET /metrics?x=1 HTTP/1.1\r\nHost: [::1]:9847\r\n\r\n", "200"),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "404"),
        ("GET /metrics/../etc HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "405"),
        ("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403"),
        ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", "403"),
        ("GET /metrics HTTP/2.0\r\n\r\n", "400"),
        ("nonsense\r\n\r\n", "400"),
        ("GET /metrics HTTP/1.1\r\n", "400"),
    ] {
        let answer = served.ask(request.as_bytes());
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{request:?} was answered {answer}");
    }
    let endless = [b"GET /metrics HTTP/1.1\r\nX: ".to_vec(), vec![b'a'; 8192]].concat();
    assert!(served.ask(&endless).starts_with("HTTP/1.1 431 "));
    let answer = served.ask(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    read(body).unwrap();
    // What comes later is there with the next.
    segment(&desk, 1, &[line(1, &json!({})), line(2, &json!({}))]);
    let answer = served.ask(b"GET /metrics HTTP/1.1\r\n\r\n");
    assert!(answer.contains("\nstrongroom_log_last_record 2\n"), "{answer}");
    // It ends well when it is told to.
    let pid = rustix::process::Pid::from_raw(served.0.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(served.0.wait().unwrap().success());
}

/// Those who say nothing do not keep others from their answer.
#[test]
fn the_silent_and_the_many() {
    let desk = Desk::new();
    segment(&desk, 1, &[line(1, &json!({}))]);
    let served = Served::begin(&desk);
    let silent: Vec<_> = (0..4).map(|_| TcpStream::connect(served.1).unwrap()).collect();
    assert!(served.ask(b"GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
    drop(silent);
}

#[test]
fn on_this_machine_alone() {
    let desk = Desk::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9847"] {
        desk.run(&["metrics", "--log-only", "--listen", address])
            .bad("can be reached from other machines");
    }
}
