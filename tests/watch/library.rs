// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What an application does, as metrics and alarms see it.

use crate::common::operation::Kind;
use crate::common::*;
use crate::openmetrics::{Samples, read};
use std::process::Command;
use strongroom::vendor::*;

const ALARMS: &str = "version = 1
[[alarm]]
name = \"old keys\"
when = \"deactivated-key\"
[[alarm]]
name = \"many\"
when = \"rate\"
operations = [\"C_Sign\"]
threshold = 7
window = \"1h\"
";

#[test]
fn uses_refusals_and_a_key_that_is_deactivated() {
    let fixture = Fixture::new();
    let token = fixture.token("watched");
    let (s, hmac) = (token.user(), Mech::plain(CKM_SHA256_HMAC));
    let key = keys::generic(s, 32);
    for _ in 0..7 {
        s.sign(&hmac, key, b"data").good();
    }
    let id = s.get(key, CKA_UNIQUE_ID).good();
    let state = template! { CKA_STRONGROOM_STATE => STRONGROOM_STATE_DEACTIVATED };
    s.set(key, &state.with(CKA_STRONGROOM_STATE_REASON, "test")).good();
    s.start(Kind::Sign, &hmac, Some(key)).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    session::finalize().good();

    let samples: Samples = read(&run(&fixture, &["metrics"])).unwrap();
    let id = String::from_utf8(id).unwrap();
    let sum = |name: &str, labels: &[(&str, &str)]| -> f64 {
        let all = samples.iter().filter(|((of, with), _)| {
            of == name && labels.iter().all(|(name, value)| with[*name] == *value)
        });
        all.map(|(_, value)| value).sum()
    };
    let signed =
        [("key_id", id.as_str()), ("operation", "C_Sign"), ("mechanism", "CKM_SHA256_HMAC")];
    assert_eq!(sum("strongroom_operations_total", &signed), 7.0);
    let denied = [("rule", "state:deactivated"), ("operation", "C_SignInit")];
    assert_eq!(sum("strongroom_denials_total", &denied), 1.0);
    assert_eq!(sum("strongroom_logins_total", &[("subject", "user"), ("outcome", "CKR_OK")]), 1.0);

    let policy = fixture.directory().join("policy.toml");
    std::fs::write(&policy, ALARMS).unwrap();
    let heard = run(&fixture, &["watch", "--replay", "--policy", policy.to_str().unwrap()]);
    let expected = format!("C_SignInit of key {id} was refused: it is deactivated");
    assert!(heard.contains(&expected), "{heard}");
    assert!(heard.contains("alarm 'many' (rate)"), "{heard}");
    assert_eq!(heard.lines().count(), 2, "{heard}");
}

fn run(fixture: &Fixture, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(arguments).env("STRONGROOM_CONF", fixture.config_path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", child::everything(&output));
    String::from_utf8(output.stdout).unwrap()
}
