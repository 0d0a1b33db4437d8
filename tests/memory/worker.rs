// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The process that is searched. What it is given of secrets it reads into memory that it gives back
//! before the library's is looked at.

use crate::common::forked::fork;
use crate::common::operation::Kind as Do;
use crate::common::*;
use crate::known::{self, KINDS, Kind, Work};
use std::fs::File;
use std::io::{BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Memory of the application's own, which is gone when this is.
struct Lent {
    start: *mut u8,
    len: usize,
}

impl Lent {
    fn read(path: &Path) -> Lent {
        let mut file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let len = file.metadata().unwrap().len() as usize;
        let (prot, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: an anonymous mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, prot, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        let mut lent = Lent { start: start.cast(), len };
        file.read_exact(lent.bytes()).unwrap();
        lent
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping has that length and is this value's own.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own.
        assert_eq!(unsafe { libc::munmap(self.start.cast(), self.len) }, 0);
    }
}

/// The directory with what this process is given.
fn job() -> PathBuf {
    std::env::var_os("JOB").expect("JOB").into()
}

/// Says where this process is, and waits to be looked at.
fn at(place: &str) {
    println!("\nat {place}");
    std::io::stdout().flush().unwrap();
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).unwrap();
    assert_eq!(line, "go\n");
}

/// Everything that a token is used for, from its first PIN to the end.
pub fn work(role: &str) {
    match role {
        "work" => whole(true),
        "again" => whole(false),
        "unlocked" => {
            give_up_locking();
            whole(true);
        }
        "fork" => forks(),
        "core" => core(true),
        "core again" => core(false),
        other => panic!("no role {other}"),
    }
}

fn whole(first: bool) {
    let (s, keys) = begin(first);
    with_threads(&keys, |stop| {
        for _ in 0..LOOKS {
            at("work");
        }
        stop();
        leave_in_the_middle(s, &keys);
        at("rest");
        s.logout().good();
        at("logout");
        session::finalize().good();
        at("finalize");
    });
}

/// Begins operations and does not end them.
fn leave_in_the_middle(s: Session, keys: &[Obj]) {
    let key = |name| keys[KINDS.iter().position(|kind| kind.name == name).unwrap()];
    s.start(Do::Sign, &Mech::plain(CKM_SHA256_HMAC), Some(key("hmac"))).good();
    s.update(Do::Sign, b"the first part").good();
    s.start(Do::Encrypt, &Mech::gcm(&[7; 12], b"", 128), Some(key("aes-gcm"))).good();
    s.start(Do::Decrypt, &Mech::plain(CKM_RSA_PKCS), Some(key("rsa-decrypt"))).good();
}

/// Ends with a core dump in the midst of work.
fn core(first: bool) {
    let (_, keys) = begin(first);
    with_threads(&keys, |_| {
        for _ in 0..LOOKS {
            at("work");
        }
        let kept = ORDINARY.to_vec();
        std::hint::black_box(&kept);
        std::process::abort();
    });
}

/// Runs `main` beside a thread for each key, which works with that key alone until it is told to stop:
/// what it then has left on its stack stays there.
fn with_threads(keys: &[Obj], main: impl FnOnce(&dyn Fn())) {
    let (running, ended) = (AtomicBool::new(true), AtomicBool::new(false));
    let working = AtomicUsize::new(keys.len());
    std::thread::scope(|scope| {
        for (kind, key) in KINDS.iter().zip(keys) {
            let (running, ended, working) = (&running, &ended, &working);
            scope.spawn(move || {
                let s = Session::read_write(session::slots(true).good()[0]).good();
                while running.load(Ordering::SeqCst) {
                    work_on(s, kind, *key);
                }
                working.fetch_sub(1, Ordering::SeqCst);
                while !ended.load(Ordering::SeqCst) {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            });
        }
        main(&|| {
            running.store(false, Ordering::SeqCst);
            while working.load(Ordering::SeqCst) > 0 {
                std::thread::yield_now();
            }
        });
        ended.store(true, Ordering::SeqCst);
    });
}

/// A child that does nothing of its own, and one that begins anew.
fn forks() {
    let (_, keys) = begin(true);
    with_threads(&keys, |stop| {
        at("work");
        fork(|| {
            println!("\npid {}", std::process::id());
            at("idle");
            let conf = format!("conf={}", job().join("strongroom.toml").display());
            session::initialize(Some(&conf)).good();
            let s = Session::read_write(session::slots(true).good()[0]).good();
            s.random(100).good();
            at("initialised");
        })
        .succeeds();
        stop();
        at("parent");
    });
}

/// Starts the library and logs in; the keys are brought in by the first, and found by the others.
fn begin(first: bool) -> (Session, Vec<Obj>) {
    let conf = format!("conf={}", job().join("strongroom.toml").display());
    session::initialize(Some(&conf)).good();
    if first {
        let mut so = Lent::read(&job().join("so"));
        let slot = *session::slots(false).good().last().unwrap();
        let label = session::padded("searched");
        outcome(p11!(C_InitToken(slot, so.start, so.len as CK_ULONG, bytes(&label)))).good();
        let s = Session::read_write(slot).good();
        log_in(s, CKU_SO, so.bytes());
        let mut pin = Lent::read(&job().join("pin"));
        let pin = pin.bytes();
        outcome(p11!(C_InitPIN(s.0, pin.as_mut_ptr(), len(pin)))).good();
        s.logout().good();
        s.close().good();
    }
    let s = Session::read_write(session::slots(true).good()[0]).good();
    log_in(s, CKU_USER, Lent::read(&job().join("pin")).bytes());
    let find = |kind: &Kind| {
        let found = s.find(&template! { CKA_ID => kind.name.as_bytes().to_vec() }).good();
        *found.first().expect("the key is there")
    };
    if first {
        note(s);
    }
    (s, KINDS.iter().map(|kind| if first { import(s, kind) } else { find(kind) }).collect())
}

fn log_in(s: Session, who: CK_USER_TYPE, pin: &mut [u8]) {
    outcome(p11!(C_Login(s.0, who, pin.as_mut_ptr(), len(pin)))).good();
}

/// A private object that is no key, with a label that nobody must read.
fn note(s: Session) {
    let mut label = Lent::read(&job().join("label"));
    let own = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => true };
    let mut raw = own.raw();
    for type_ in [CKA_LABEL, CKA_VALUE] {
        let length = label.len as CK_ULONG;
        raw.push(CK_ATTRIBUTE { type_, pValue: label.start.cast(), ulValueLen: length });
    }
    let note = create(s, &mut raw);
    let mut got = [CK_ATTRIBUTE { type_: CKA_LABEL, ..CK_ATTRIBUTE::default() }];
    got[0].pValue = label.bytes().as_mut_ptr().cast();
    got[0].ulValueLen = label.len as CK_ULONG;
    outcome(p11!(C_GetAttributeValue(s.0, note.0, got.as_mut_ptr(), 1))).good();
}

/// Brings a key in from its file.
fn import(s: Session, kind: &Kind) -> Obj {
    let mut lent = Lent::read(&job().join(kind.name));
    let own = template! {
        CKA_TOKEN => true, CKA_PRIVATE => true, CKA_ID => kind.name.as_bytes().to_vec(),
        CKA_SENSITIVE => true, CKA_EXTRACTABLE => false,
    };
    let mut raw = own.raw();
    let mut rest = lent.bytes();
    while !rest.is_empty() {
        let number = |at: usize| u64::from_ne_bytes(rest[at..at + 8].try_into().unwrap());
        let (type_, length) = (number(0) as CK_ATTRIBUTE_TYPE, number(8) as usize);
        let (value, after) = rest[16..].split_at_mut(length);
        let pointer = value.as_mut_ptr().cast();
        raw.push(CK_ATTRIBUTE { type_, pValue: pointer, ulValueLen: length as CK_ULONG });
        rest = after;
    }
    create(s, &mut raw)
}

fn create(s: Session, raw: &mut [CK_ATTRIBUTE]) -> Obj {
    let (mut handle, count) = (0, raw.len() as CK_ULONG);
    outcome(p11!(C_CreateObject(s.0, raw.as_mut_ptr(), count, &mut handle))).good();
    Obj(handle)
}

fn work_on(s: Session, kind: &Kind, key: Obj) {
    let input = std::fs::read(job().join(format!("{}.input", kind.name))).unwrap();
    match kind.work {
        Work::Sign(mechanism) => drop(s.sign(&Mech::plain(mechanism), key, &input).good()),
        Work::Decrypt(mechanism) => drop(s.decrypt(&Mech::plain(mechanism), key, &input).good()),
        Work::Gcm => {
            let iv: [u8; 12] = s.random(12).good().try_into().unwrap();
            drop(s.encrypt(&Mech::gcm(&iv, b"", 128), key, &input).good());
        }
        Work::Derive => {
            let mech = Mech::ecdh(CKD_NULL, b"", &input);
            s.destroy(s.derive(&mech, key, &known::shared()).good()).good();
        }
        Work::Public => {
            let mech = Mech::plain(CKM_PUB_KEY_FROM_PRIV_KEY);
            s.destroy(s.derive(&mech, key, &template! {}).good()).good();
        }
        Work::Unwrap(how) => {
            let result = s.unwrap(&Mech::plain(how), key, &input, &known::shared()).good();
            s.destroy(result).good();
        }
        Work::Decapsulate => {
            let mech = Mech::plain(CKM_ML_KEM);
            let shared = s.decapsulate(&mech, key, &input, &known::shared()).good();
            s.destroy(shared).good();
        }
    }
}

/// Bounds what this process may lock to a slab, for root too.
fn give_up_locking() {
    let most = libc::rlimit { rlim_cur: LOCKED, rlim_max: LOCKED };
    // SAFETY: bounds the locked memory of this process, and takes a capability from it: the header and
    // the sets have the layout of version 3.
    unsafe {
        assert_eq!(libc::setrlimit(libc::RLIMIT_MEMLOCK, &most), 0);
        let header = [0x2008_0522_u32, 0];
        let mut sets = [0_u32; 6];
        assert_eq!(libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr()), 0);
        let lock = 1 << 14;
        sets[0] &= !lock;
        sets[1] &= !lock;
        assert_eq!(libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()), 0);
    }
}

/// What the worker has in ordinary memory when it dumps core.
pub const ORDINARY: &[u8] = b"this is ordinary memory";
/// How often the memory of the process is looked at while it works.
pub const LOOKS: usize = 4;
/// What a process that may not lock all of its secrets may lock, bytes.
pub const LOCKED: u64 = 64 << 10;
