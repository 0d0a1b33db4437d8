// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What cannot be recorded is not done: each kind of call is refused, has done nothing, and works again
//! when the log can be written again.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{of, records};
use std::fs;
use std::path::PathBuf;

/// A kind of call, and whether its work is there.
struct Act<'a> {
    name: &'static str,
    call: Box<dyn Fn() -> R<()> + 'a>,
}

struct Acts<'a>(Vec<Act<'a>>);

impl<'a> Acts<'a> {
    fn add(&mut self, name: &'static str, call: impl Fn() -> R<()> + 'a) {
        self.0.push(Act { name, call: Box::new(call) });
    }
}

struct Ground {
    user: User,
    key: Obj,
    kek: Obj,
    session_key: Obj,
    wrapped: Vec<u8>,
}

impl Ground {
    fn new(settings: &str) -> Ground {
        let fixture = Fixture::with_settings(&format!("{}{settings}", fixture::COMPATIBLE));
        let token = fixture.token("closed");
        let s = token.user();
        let place = template! { CKA_TOKEN => true, CKA_LABEL => "before" };
        let key = keys::aes_with(s, 32, &keys::open().and(&place));
        let (kek, session_key) = (keys::aes(s, 32), keys::generic(s, 32));
        let wrapped = s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), kek, key).good();
        let user = User { token, session: s, fixture };
        Ground { user, key, kek, session_key, wrapped }
    }

    fn audit(&self) -> PathBuf {
        self.user.fixture.store_path().join("audit")
    }

    /// What there is: the label of the key, and how many objects there are.
    fn state(&self) -> (Vec<u8>, usize) {
        let s = self.user.session;
        (s.get(self.key, CKA_LABEL).good(), s.find(&Template::default()).good().len())
    }

    fn acts(&self) -> Vec<Act<'_>> {
        let mut acts = Acts(Vec::new());
        for on_token in [false, true] {
            self.makes(&mut acts, &template! { CKA_TOKEN => on_token });
        }
        self.changes(&mut acts);
        self.uses(&mut acts);
        acts.0
    }

    /// What makes an object.
    fn makes<'a>(&'a self, acts: &mut Acts<'a>, place: &Template) {
        let s = self.user.session;
        let secret = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
        let data = template! { CKA_CLASS => CKO_DATA }.and(place);
        let (copied, derived) = (place.clone(), place.clone());
        let made = template! { CKA_VALUE_LEN => 32 }.and(place);
        let unwrapped = secret.and(place);
        acts.add("create", move || s.create(&data).map(drop_it));
        acts.add("copy", move || s.copy(self.key, &copied).map(drop_it));
        acts.add("generate", move || s.generate(&Mech::plain(CKM_AES_KEY_GEN), &made).map(drop_it));
        acts.add("unwrap", move || {
            let kek = Mech::plain(CKM_AES_KEY_WRAP);
            s.unwrap(&kek, self.kek, &self.wrapped, &unwrapped).map(drop_it)
        });
        acts.add("derive", move || {
            let mech = Mech::plain(CKM_SHA256_KEY_DERIVATION);
            s.derive(&mech, self.session_key, &derived).map(drop_it)
        });
    }

    /// What changes or ends what is there.
    fn changes<'a>(&'a self, acts: &mut Acts<'a>) {
        let (s, label) = (self.user.session, || template! { CKA_LABEL => "x" });
        acts.add("set", move || s.set(self.key, &label()));
        acts.add("set in session", move || s.set(self.kek, &label()));
        acts.add("destroy", move || s.destroy(self.key));
        acts.add("destroy in session", move || s.destroy(self.kek));
        acts.add("set the PIN", move || s.set_pin(USER_PIN, USER_PIN));
        acts.add("init", move || {
            session::init_token(self.user.fixture.empty_slot(), SO_PIN, "new")
        });
    }

    /// What uses a key.
    fn uses<'a>(&'a self, acts: &mut Acts<'a>) {
        let s = self.user.session;
        acts.add("wrap", move || {
            let (mut buffer, mut room) = ([0; 64], 64);
            let (kek, out) = (Mech::plain(CKM_AES_KEY_WRAP), buffer.as_mut_ptr());
            let mut mech = kek.raw();
            let rv = p11!(C_WrapKey(s.0, &mut mech, self.kek.0, self.key.0, out, &mut room));
            assert!(rv == CKR_OK || buffer == [0; 64], "nothing of the key left");
            outcome(rv)
        });
        acts.add("begin to sign", move || {
            let begun = s.start(Kind::Sign, &Mech::plain(CKM_SHA384_HMAC), Some(self.session_key));
            s.cancel(CKF_SIGN).code();
            begun
        });
    }

    fn all_refused(&self) {
        let before = self.state();
        for act in self.acts() {
            let rv = (act.call)();
            assert_eq!(rv, Err(Rv(CKR_DEVICE_ERROR)), "{}", act.name);
            assert_eq!(self.state(), before, "{} did nothing", act.name);
        }
    }

    fn all_done(&self) {
        // Destroyed last.
        let (last, first): (Vec<_>, Vec<_>) =
            self.acts().into_iter().partition(|act| act.name.starts_with("destroy"));
        for act in first.into_iter().chain(last) {
            (act.call)().good_for(act.name);
        }
    }
}

fn drop_it<T>(_: T) {}

#[test]
fn where_the_log_is_gone_nothing_is_done() {
    let ground = Ground::new("");
    let away = ground.user.fixture.directory().join("away");
    fs::rename(ground.audit(), &away).unwrap();
    ground.all_refused();
    assert!(!ground.audit().exists(), "none takes its place");
    ground.user.fixture.restart();
    let s = Session::read_write(ground.user.token.slot).good();
    s.login(CKU_USER, USER_PIN).gives(CKR_DEVICE_ERROR);
    assert!(!ground.audit().exists(), "none takes its place");
    fs::rename(&away, ground.audit()).unwrap();
    s.login(CKU_USER, USER_PIN).good_for("a login when it is there again");
}

#[test]
fn when_the_log_is_there_again_all_goes_on() {
    let ground = Ground::new("");
    let away = ground.user.fixture.directory().join("away");
    fs::rename(ground.audit(), &away).unwrap();
    ground.all_refused();
    fs::rename(&away, ground.audit()).unwrap();
    ground.all_done();
}

/// A file that is as long as files may be, which is how a full disk looks.
#[test]
fn where_the_log_cannot_grow_nothing_is_done() {
    let test = "closed::where_the_log_cannot_grow_nothing_is_done";
    if child::role().is_none() {
        return drop_it(child::succeeds(child::command(test, "limited")));
    }
    let ground = Ground::new("");
    let longest = fs::read_dir(ground.audit()).unwrap().map(|entry| entry.unwrap().path());
    let segment = longest.filter(|path| path.extension().is_some_and(|e| e == "jsonl"));
    let length = segment.map(|path| path.metadata().unwrap().len()).max().unwrap();
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is initialised and lives through the calls.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) };
    let (before, state) = (limit.rlim_cur, ground.state());
    limit.rlim_cur = length;
    // SAFETY: as above.
    unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) };
    for act in ground.acts() {
        let rv = (act.call)();
        assert!(rv.is_err(), "{} was done", act.name);
        assert_eq!(ground.state(), state, "{} did nothing", act.name);
    }
    limit.rlim_cur = before;
    // SAFETY: as above.
    unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) };
    ground.all_done();
}

#[test]
fn a_log_that_only_warns_lets_through() {
    let ground = Ground::new("[audit]\non_failure = \"warn\"\n");
    fs::rename(ground.audit(), ground.user.fixture.directory().join("away")).unwrap();
    ground.all_done();
}

#[test]
fn each_use_that_cannot_be_recorded_gives_nothing_out() {
    let ground = Ground::new("[audit]\neach = true\n");
    let s = ground.user.session;
    let mac = Mech::plain(CKM_SHA256_HMAC);
    s.sign(&mac, ground.session_key, b"data").good();
    let store = ground.user.fixture.store_path();
    let signed = |records: &[serde_json::Value]| of(records, "C_Sign").len();
    assert_eq!(signed(&records(&store)), 1, "each use is a record at once");
    s.start(Kind::Sign, &mac, Some(ground.session_key)).good();
    let away = ground.user.fixture.directory().join("away");
    fs::rename(ground.audit(), &away).unwrap();
    let out = s.once(Kind::Sign, b"data", Room::Bytes(32));
    assert_eq!(out.rv, Err(Rv(CKR_DEVICE_ERROR)));
    assert_eq!(out.data, [0; 32], "it is wiped again");
    fs::rename(&away, ground.audit()).unwrap();
    s.once(Kind::Sign, b"data", Room::Bytes(32)).rv.gives(CKR_OPERATION_NOT_INITIALIZED);
    s.sign(&mac, ground.session_key, b"data").good();
    assert_eq!(signed(&records(&store)), 2);
}

/// The switch of a benchmark's build is in no other.
#[cfg(not(feature = "audit-switch"))]
#[test]
fn the_environment_does_not_switch_it_off() {
    let test = "closed::the_environment_does_not_switch_it_off";
    if child::role().is_none() {
        let mut command = child::command(test, "off");
        command.env("STRONGROOM_AUDIT", "off");
        return drop_it(child::succeeds(command));
    }
    assert_eq!(std::env::var("STRONGROOM_AUDIT").unwrap(), "off");
    let user = User::new();
    assert_eq!(of(&records(&user.fixture.store_path()), "C_Login").len(), 2);
}
