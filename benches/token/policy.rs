// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a policy costs: `C_SignInit` and `C_Sign` on P-256 under a thousand rules, beside the same in a
//! token that has none. Another token of our store carries the rules.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use cryptoki_sys::{CK_OBJECT_HANDLE, CKM_ECDSA};

use crate::failure::Failure;
use crate::options::Options;
use crate::pkcs11::Session;
use crate::report::{Row, Target, Unit};
use crate::stats::{Batch, Contender, measure};
use crate::token::{self, Token};

const RULES: usize = 1_000;

/// Ours alone: peers have no policy.
pub(crate) fn governed(
    tokens: &[Token],
    options: &Options,
    scratch: &Path,
) -> Result<Option<Row>, Failure> {
    let Some(ours) = tokens.iter().find(|token| token.ours) else { return Ok(None) };
    let title = format!("P-256 signature under {RULES} rules, of which two are about the key");
    let mut row = Row::new("policy", title, Unit::Micros, Target::None);
    let (session, key) = token::another(&ours.module, "bench-governed")?;
    let file = scratch.join("policy.toml");
    std::fs::write(&file, rules())?;
    set(&file)?;
    let contenders = vec![
        Contender { who: "without a policy".to_owned(), batch: sign(&ours.session, ours.p256) },
        Contender { who: ours.name.clone(), batch: sign(&session, key) },
    ];
    let mut medians = Vec::new();
    for (who, result) in measure(contenders, options.timed()) {
        medians.extend(result.as_ref().ok().map(|summary| summary.median));
        row.put(&who, result);
    }
    if let [without, with] = medians.as_slice() {
        row.note(format!("the rules cost {:+.3} µs", with - without));
    }
    Ok(Some(row))
}

/// One rule of those about the key does not permit it, the last does, by all that rules ask for but
/// hours and counts.
fn rules() -> String {
    let mut text = "version = 1\n".to_owned();
    for number in 2..RULES {
        let _ = write!(
            text,
            "[[rule]]\nname = \"r{number}\"\nmatch = {{ label = \"key-{number}-*\" }}\n"
        );
    }
    text.push_str("[[rule]]\nname = \"verify\"\noperations = [\"verify\"]\n");
    text.push_str(
        "[[rule]]\nname = \"sign\"\nmatch = { label = \"bench-*\", key-type = \"ec\" }\n",
    );
    text.push_str("operations = [\"sign\"]\nmechanisms = [\"CKM_ECDSA*\"]\nmin-strength = 128\n");
    text.push_str("principals = { roles = [\"operator\"], uids = [4294967294] }\n");
    text
}

fn set(file: &Path) -> Result<(), Failure> {
    let set = Command::new(env!("CARGO_BIN_EXE_strongroom"))
        .args(["policy", "set", "--token", "bench-governed", "--so-pin-env", "BENCH_SO_PIN"])
        .arg(file)
        .env("BENCH_SO_PIN", token::SO_PIN)
        .output()?;
    match set.status.success() {
        true => Ok(()),
        false => Err(Failure::say(String::from_utf8_lossy(&set.stderr).trim().to_owned())),
    }
}

fn sign(session: &Session, key: CK_OBJECT_HANDLE) -> Batch<'_> {
    let (mut data, mut signature) = ([7; 32], [0; 64]);
    Box::new(move |calls| {
        for _ in 0..calls {
            session.sign(CKM_ECDSA, key, black_box(&mut data), &mut signature)?;
        }
        Ok(())
    })
}
