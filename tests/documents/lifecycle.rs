// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `docs/lifecycle.md`: the states of keys, what each permits and what may follow it.

use crate::document;
use strongroom::object::State;
use strongroom::policy::Use;
use strongroom::policy::life::{self, Processes, STAGES, Side, Stage};

#[test]
fn the_page_of_the_life_of_keys_is_that_of_the_table() {
    let states: Vec<[String; 6]> = STAGES.iter().map(line).collect();
    let uses: Vec<[String; 2]> =
        [(Side::Protect, "protects"), (Side::Process, "processes"), (Side::Verify, "verifies")]
            .map(|(side, name)| [name.to_owned(), uses(side)])
            .to_vec();
    let head = ["state", "number", "protects", "processes", "what may follow", "SP 800-57"];
    let text = HEAD.to_owned()
        + &document::table(head, &states)
        + USES
        + &document::table(["side", "uses"], &uses)
        + REST;
    document::check("lifecycle.md", &text);
}

fn line(stage: &Stage) -> [String; 6] {
    let processes = match stage.processes {
        Processes::Nothing => "nothing",
        Processes::Verifies => "verifies",
        Processes::All => "everything",
        Processes::WithReason => "everything, if the reason is on record",
    };
    let next: Vec<&str> = stage.next.iter().map(|state| state.name()).collect();
    [
        stage.state.name().to_owned(),
        stage.state.number().to_string(),
        if stage.protects { "yes" } else { "no" }.to_owned(),
        processes.to_owned(),
        if stage.state == State::Destroyed { "nothing".to_owned() } else { next.join(", ") },
        format!("section {}", stage.section),
    ]
}

fn uses(side: Side) -> String {
    let mine = Use::ALL.into_iter().filter(|usage| life::side(*usage) == side);
    mine.map(|usage| usage.name()).collect::<Vec<_>>().join(", ")
}

const HEAD: &str = "\
# The life of keys

A key is in one of the states of NIST SP 800-57 part 1 (rev. 5, section 7). The state decides whether it
protects (encrypts, signs, wraps) and whether it processes what it protected once (decrypts, verifies,
unwraps). A use that the state does not permit is `CKR_KEY_FUNCTION_NOT_PERMITTED`, like one that the
usage attributes do not permit; both must.

This page is made by `UPDATE_DOCS=1 cargo test --test documents`; the test fails when it is out of date.

";

const USES: &str = "
NIST leaves it open that a suspended key processes what was protected before, if the recipient accepts the
risk. A token knows neither when something was protected nor what its recipient accepts: a suspended
key here verifies, and decrypts and unwraps again once it is resumed or deactivated. Proof of
possession with a pre-active key is not offered.

";

const REST: &str = "
The public key of a pair is a key of its own, with a state of its own. So is a copy, which begins in the
state of its original. A key whose state is not active does not leave wrapped
(`CKR_KEY_NOT_WRAPPABLE`): it would come back as active. Nor does its value go into a digest.

## Days

A key is for the days from `CKA_START_DATE` to `CKA_END_DATE`, both included, in UTC. Before them it
behaves as pre-active, after them as deactivated, if its state permits more than that. Nobody has to do
anything when the day comes. The dates of certificates are not judged: who relies on a certificate does.

## Attributes

`include/strongroom.h` has their numbers.

- `CKA_STRONGROOM_STATE` reads as the state that the key is in today. A template of a new key may say
  pre-active or active (the default). `C_SetAttributeValue` changes the state that the key was put into,
  as the table permits, and with it `CKA_STRONGROOM_STATE_REASON` in the same template; anything else is
  `CKR_ATTRIBUTE_VALUE_INVALID`, and a reason without a state `CKR_TEMPLATE_INCONSISTENT`. A change after
  which the key may do less is made to a key that is not `CKA_MODIFIABLE`, too: what may not be modified
  can be stopped. That a key is compromised can be said of any key; without a reason on record it
  does nothing from then on.
- `CKA_STRONGROOM_STATE_SINCE` and `CKA_STRONGROOM_STATE_BY` are the token's own: when the state was last
  changed (as a clock tells it: year, month, day, hour, minute, second in UTC, two zeros) and by whom (the
  role that was logged in, the name of a named user, and the user id of the process). Empty while it is as
  it was made.
- `CKA_STRONGROOM_MADE` is when a key of the token was made or came into it.
- `CKA_STRONGROOM_OWNER`, `CKA_STRONGROOM_PURPOSE`, `CKA_STRONGROOM_LABELS` and
  `CKA_STRONGROOM_ROTATION_PERIOD` (seconds; 0 for none) are for people; nothing follows from them. The first
  three can be searched by. Labels are at most 32 lines of `key=value`, each key once; a search finds the
  keys that have all the lines it names.

## Destroyed keys

`C_DestroyObject` and `strongroom key destroy` leave of a private or secret key of the token an object of
the class `CKO_STRONGROOM_DESTROYED`, in the same transaction: label, id, key type, unique id, owner and
purpose, when the key was made, and when, by whom and (of the command, which asks for it) why it was
destroyed. It holds no key material, rests as sealed as the key did, and is not used, changed, copied or
destroyed. Only a search that names the class finds it. `strongroom key list --destroyed` lists what is
left of destroyed keys; `strongroom key forget` forgets one. Nothing else takes them away: who makes and
destroys token keys without end uses session keys instead, or forgets them now and then. Keys that end
with their session leave nothing.

## With the command

`strongroom key activate`, `suspend`, `resume`, `deactivate` and `compromise` change the state of a key, or
of both halves of a pair, which belong in the same state (SP 800-57, section 7.3); `--all` changes every
key that fits. `--reason` stays on record; `compromise` and `destroy` want it. What is in the state already
is left alone, so that a change that stopped half way can be made again. `strongroom key set` sets owner,
purpose, labels, rotation and days; `key list --long` and `key show` show them, and when rotation is due:
so long after the key was made as its period says.

## Operations that are running

When a key is suspended, deactivated, compromised or destroyed, or loses a usage attribute, the operations
that are running with it and are no longer permitted end: their next call is
`CKR_OPERATION_NOT_INITIALIZED`. That is at once in the process that makes the change, and elsewhere at
the latest when an `*Init` next names the key. What is permitted again later revives none of them. They
end with the last day of the key as well.
";
