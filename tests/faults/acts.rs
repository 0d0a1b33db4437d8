// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the store is used for, one row an act: each is interrupted at every step.

use crate::common::*;
use crate::place::{Ground, OTHER_PIN, Place, cheap_library};

/// An act, and what is to be seen of it beside tokens and objects.
pub struct Act {
    pub name: &'static str,
    pub ground: Ground,
    pub how: How,
    /// Whether each run makes PINs, which takes so long that errors of the same outcome are left out.
    pub slow: bool,
    /// Whether it is done in several changes: an interrupted one is brought to its end by the next.
    pub staged: bool,
    /// Commands whose output tells what the act did.
    pub shows: &'static [&'static [&'static str]],
}

pub enum How {
    /// Calls of the library, after it has been made ready.
    Calls(Ready, fn(&Stage<'_>) -> R<()>),
    /// The command; `$D` is the directory of PINs.
    Command(&'static [&'static str]),
}

/// How far the library is when an act begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Not initialised.
    Not,
    /// With a session that nobody is logged in to.
    Open,
    /// With the user logged in.
    User,
    /// With the security officer logged in.
    So,
}

/// What an act acts on.
pub struct Stage<'a> {
    pub place: &'a Place,
    pub session: Session,
}

impl Stage<'_> {
    pub fn ready(place: &Place, ready: Ready) -> Stage<'_> {
        let mut stage = Stage { place, session: Session(0) };
        if ready != Ready::Not {
            place.initialize().good();
            stage.session = Session::read_write(0).good();
        }
        match ready {
            Ready::User => stage.session.login(CKU_USER, USER_PIN).good(),
            Ready::So => stage.session.login(CKU_SO, SO_PIN).good(),
            _ => {}
        }
        stage
    }

    fn object(&self, label: &str) -> R<Obj> {
        let found = self.session.find(&template! { CKA_LABEL => label })?;
        found.first().copied().ok_or(Rv(CKR_OBJECT_HANDLE_INVALID))
    }
}

/// `C_InitToken`, below the C face: there a PIN may cost next to nothing, for a thousand stores.
fn init_token(stage: &Stage<'_>, slot: CK_SLOT_ID, label: &str) -> R<()> {
    let made = cheap_library(&stage.place.store()).init_token(
        slot,
        SO_PIN.as_bytes(),
        session::padded(label),
    );
    made.map_err(|error| Rv(error.code()))
}

/// A new token object.
fn new() -> Template {
    template! { CKA_TOKEN => true, CKA_LABEL => "new" }
}

const fn calls(name: &'static str, ready: Ready, act: fn(&Stage<'_>) -> R<()>) -> Act {
    Act {
        name,
        ground: Ground::Filled,
        how: How::Calls(ready, act),
        slow: false,
        staged: false,
        shows: &[],
    }
}

const fn slow(act: Act) -> Act {
    Act { slow: true, ..act }
}

const fn command(
    name: &'static str,
    arguments: &'static [&'static str],
    shows: &'static [&'static [&'static str]],
) -> Act {
    Act {
        name,
        ground: Ground::Filled,
        how: How::Command(arguments),
        slow: false,
        staged: false,
        shows,
    }
}

const fn staged(name: &'static str, arguments: &'static [&'static str]) -> Act {
    Act { staged: true, ..command(name, arguments, &[]) }
}

/// Tokens and PINs.
pub const TOKENS: &[Act] = &[
    Act {
        name: "make a store",
        ground: Ground::Nothing,
        how: How::Calls(Ready::Not, |stage| init_token(stage, 0, "made")),
        slow: true,
        // The store, then its token.
        staged: true,
        shows: &[],
    },
    slow(calls("make a second token", Ready::Not, |stage| init_token(stage, 1, "made"))),
    slow(calls("make a token anew", Ready::Not, |stage| init_token(stage, 0, "anew"))),
    calls("open, log in and read", Ready::Not, |stage| {
        let _ = session::finalize();
        stage.place.initialize()?;
        let s = Session::read_write(session::slots(false)?[0])?;
        s.login(CKU_USER, USER_PIN)?;
        let found = s.find(&template! { CKA_LABEL => "box" })?;
        s.encrypt(&Mech::plain(CKM_AES_ECB), found[0], &[0; 16]).map(drop)
    }),
    calls("log in", Ready::Open, |stage| match stage.session.login(CKU_USER, USER_PIN) {
        // The next attempt logs out first.
        Ok(()) => stage.session.logout(),
        refused => refused,
    }),
    calls("a wrong PIN", Ready::Open, |stage| match stage.session.login(CKU_USER, "wrong PIN") {
        Err(Rv(CKR_PIN_INCORRECT)) => Ok(()),
        Ok(()) => panic!("a wrong PIN was right"),
        refused => refused,
    }),
    slow(calls("set the user's PIN as the officer", Ready::So, |stage| {
        stage.session.init_pin(OTHER_PIN)
    })),
    slow(calls("change the user's PIN", Ready::User, |stage| {
        match stage.session.set_pin(USER_PIN, OTHER_PIN) {
            // An attempt that failed may have changed it.
            Err(Rv(CKR_PIN_INCORRECT)) => stage.session.set_pin(OTHER_PIN, OTHER_PIN),
            answer => answer,
        }
    })),
];

/// Objects.
pub const OBJECTS: &[Act] = &[
    calls("create a data object", Ready::User, |stage| {
        let data = template! { CKA_CLASS => CKO_DATA, CKA_VALUE => &[5; 20_000] };
        stage.session.create(&data.and(&new())).map(drop)
    }),
    calls("create a secret key", Ready::User, |stage| {
        keys::try_secret(stage.session, CKK_AES, &[7; 32], &new()).map(drop)
    }),
    calls("generate a key", Ready::User, |stage| {
        let template = template! { CKA_VALUE_LEN => 32 as CK_ULONG }.and(&new());
        stage.session.generate(&Mech::plain(CKM_AES_KEY_GEN), &template).map(drop)
    }),
    calls("generate a pair", Ready::User, |stage| {
        let public = template! { CKA_EC_PARAMS => ec::P256.oid }.and(&new());
        let mech = Mech::plain(CKM_EC_KEY_PAIR_GEN);
        stage.session.generate_pair(&mech, &public, &new()).map(drop)
    }),
    calls("set an attribute", Ready::User, |stage| {
        stage.session.set(stage.object("note")?, &template! { CKA_LABEL => "renamed" })
    }),
    calls("take a usage from a key", Ready::User, |stage| {
        stage.session.set(stage.object("box")?, &template! { CKA_ENCRYPT => false })
    }),
    calls("a first use that decides", Ready::User, |stage| {
        let key = stage.object("open")?;
        stage.session.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).map(drop)
    }),
    calls("copy", Ready::User, |stage| stage.session.copy(stage.object("note")?, &new()).map(drop)),
    calls("destroy data", Ready::User, |stage| stage.session.destroy(stage.object("doomed")?)),
    calls("destroy a key", Ready::User, |stage| stage.session.destroy(stage.object("box")?)),
];

/// What the command does.
pub const COMMANDS: &[Act] = &[
    command(
        "policy set",
        &["policy", "set", "$D/policy.toml", "--so-pin-file", "$D/so"],
        &[&["policy", "show"]],
    ),
    command("seal add", &["seal", "add", "--kind", "file"], &[&["seal", "list"]]),
    Act {
        name: "seal remove",
        ground: Ground::TwoSeals,
        how: How::Command(&["seal", "remove", "--slot", "1"]),
        slow: false,
        staged: false,
        shows: &[&["seal", "list"]],
    },
    slow(command(
        "user add",
        &[
            "user",
            "add",
            "ann",
            "--role",
            "operator",
            "--so-pin-file",
            "$D/so",
            "--new-pin-file",
            "$D/other",
        ],
        &[&["user", "list"]],
    )),
    command(
        "token mode",
        &["token", "mode", "compatible", "--so-pin-file", "$D/so"],
        &[&["token", "info"]],
    ),
    command(
        "key generate",
        &["key", "generate", "--type", "ec:p256", "--label", "new", "--pin-file", "$D/pin"],
        &[],
    ),
    command(
        "key import",
        &[
            "key",
            "import",
            "--type",
            "aes",
            "--label",
            "new",
            "--pin-file",
            "$D/pin",
            "--file",
            "$D/secret",
        ],
        &[],
    ),
    command("seal rotate", &["seal", "rotate", "1"], &[&["seal", "list"]]),
    staged(
        "import softhsm2",
        &[
            "import",
            "softhsm2",
            "--tokens",
            "$V/softhsm2/tokens",
            "--token",
            "second",
            "--source-pin-file",
            "$D/source",
            "--pin-file",
            "$D/pin",
        ],
    ),
];

/// Keys made anew.
pub const ROTATIONS: &[Act] = &[
    staged("rotate token-key", &["rotate", "token-key", "--pin-file", "$D/pin"]),
    staged(
        "rotate token-key --compromised",
        &["rotate", "token-key", "--compromised", "--pin-file", "$D/pin"],
    ),
    staged("rotate master-key", &["rotate", "master-key"]),
    staged("rotate master-key --compromised", &["rotate", "master-key", "--compromised"]),
];
