// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The output rule: a length query and a buffer that is too small keep the operation.

use crate::common::operation::{Kind, Output, Room};
use crate::common::*;
use crate::{cases, idle};

#[test]
fn a_length_query_keeps_the_operation() {
    let user = User::compatible();
    let s = user.session;
    for case in cases(s) {
        case.start(s);
        for _ in 0..3 {
            let asked = s.once(case.kind, &case.input, Room::Null);
            asked.rv.good_for(case.name);
            assert!(asked.length >= len(&case.output), "{}: {}", case.name, asked.length);
            let most = len(&case.output) + 256;
            assert!(asked.length <= most, "{}: {} is far too much", case.name, asked.length);
        }
        let got = s.once(case.kind, &case.input, Room::Bytes(case.output.len()));
        // Where the input must be opened to know the length, more room may be asked for.
        let got = if got.rv == Err(Rv(CKR_BUFFER_TOO_SMALL)) && case.kind == Kind::Decrypt {
            s.once(case.kind, &case.input, Room::Bytes(got.length as usize))
        } else {
            got
        };
        got.rv.good_for(case.name);
        case.check(&got.data);
        idle(s, case.kind, case.name);
    }
}

#[test]
fn a_short_buffer_keeps_the_operation_and_stays_untouched() {
    let user = User::compatible();
    let s = user.session;
    for case in cases(s) {
        case.start(s);
        for room in [0, 1, case.output.len() - 1] {
            let short = s.once(case.kind, &case.input, Room::Bytes(room));
            too_small(&short, case.output.len(), room, case.name);
        }
        let got = s.once(case.kind, &case.input, Room::Bytes(case.output.len() + 256));
        got.rv.good_for(case.name);
        assert_eq!(got.length, len(&case.output), "{}: the exact length at last", case.name);
        case.check(&got.data);
        idle(s, case.kind, case.name);
    }
}

#[test]
fn the_last_part_takes_the_same_rule() {
    let user = User::compatible();
    let s = user.session;
    for case in cases(s).iter().filter(|case| case.parts) {
        case.start(s);
        let mut output = Vec::new();
        for part in case.input.chunks(33) {
            match case.kind {
                Kind::Encrypt | Kind::Decrypt => {
                    let out = s.update_out(case.kind, part, Room::Bytes(200));
                    out.rv.good_for(case.name);
                    output.extend(out.data);
                }
                _ => s.update(case.kind, part).good_for(case.name),
            }
        }
        let rest = case.output.len() - output.len();
        let asked = s.finish(case.kind, Room::Null);
        asked.rv.good_for(case.name);
        assert!(asked.length >= rest as CK_ULONG, "{}", case.name);
        if rest > 0 {
            too_small(&s.finish(case.kind, Room::Bytes(rest - 1)), rest, rest - 1, case.name);
        }
        let last = s.finish(case.kind, Room::Bytes(rest + 200));
        last.rv.good_for(case.name);
        output.extend(last.data);
        case.check(&output);
        idle(s, case.kind, case.name);
    }
}

#[test]
fn parts_with_output_take_the_same_rule() {
    let user = User::compatible();
    let s = user.session;
    let streams = [Kind::Encrypt, Kind::Decrypt];
    for case in cases(s).iter().filter(|case| case.parts && streams.contains(&case.kind)) {
        case.start(s);
        let mut output = Vec::new();
        for part in case.input.chunks(37) {
            let asked = s.update_out(case.kind, part, Room::Null);
            asked.rv.good_for(case.name);
            if asked.length > 0 {
                let short = s.update_out(case.kind, part, Room::Bytes(0));
                // Either the token knows that nothing comes out, or it keeps the part for later.
                if short.rv.is_err() {
                    short.rv.gives_for(case.name, &[CKR_BUFFER_TOO_SMALL]);
                } else {
                    assert_eq!(short.length, 0, "{}", case.name);
                    continue;
                }
            }
            let out = s.update_out(case.kind, part, Room::Bytes(asked.length as usize));
            out.rv.good_for(case.name);
            output.extend(out.data);
        }
        let last = s.finish(case.kind, Room::Bytes(256));
        last.rv.good_for(case.name);
        output.extend(last.data);
        assert_eq!(output, case.output, "{}: no part went in twice", case.name);
    }
}

#[test]
fn ciphers_give_as_much_as_they_can() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    let cbc = || Mech::iv(CKM_AES_CBC, &[0; 16]);
    let pad = || Mech::iv(CKM_AES_CBC_PAD, &[0; 16]);
    for (kind, mech, want) in [
        (Kind::Encrypt, cbc(), [0, 32, 64]),
        (Kind::Decrypt, cbc(), [0, 32, 64]),
        (Kind::Encrypt, pad(), [0, 32, 64]),
        // The last block may be padding: it waits for what follows.
        (Kind::Decrypt, pad(), [0, 16, 48]),
        (Kind::Encrypt, Mech::ctr(128, [0; 16]), [15, 32, 64]),
        (Kind::Decrypt, Mech::ctr(128, [0; 16]), [15, 32, 64]),
    ] {
        s.start(kind, &mech, Some(aes)).good();
        let mut given = 0;
        for (count, want) in [15, 17, 32].into_iter().zip(want) {
            let out = s.update_out(kind, &vec![1; count], Room::Bytes(64));
            out.rv.good();
            given += out.data.len();
            assert_eq!(given, want, "{kind:?} {:#x}", mech.kind());
        }
        s.start_null(kind).good();
    }
}

#[test]
fn parts_in_place() {
    let user = User::new();
    let s = user.session;
    let value = [9_u8; 32];
    let key = keys::secret(s, CKK_AES, &value);
    let plain: Vec<u8> = (0..96).collect();
    for mech in [Mech::iv(CKM_AES_CBC, &[1; 16]), Mech::ctr(128, [1; 16]), Mech::plain(CKM_AES_ECB)]
    {
        let sealed = s.encrypt(&mech, key, &plain).good();
        for (kind, from, to) in [(Kind::Encrypt, &plain, &sealed), (Kind::Decrypt, &sealed, &plain)]
        {
            s.start(kind, &mech, Some(key)).good();
            let mut output = Vec::new();
            for part in from.chunks(16) {
                let out = s.update_in_place(kind, part, 0);
                out.rv.good();
                output.extend(out.data);
            }
            let last = s.finish(kind, Room::Bytes(32));
            last.rv.good();
            output.extend(last.data);
            assert_eq!(&output, to, "{kind:?} {:#x}", mech.kind());
        }
    }
}

#[test]
fn signatures_and_digests_in_place() {
    let user = User::compatible();
    let s = user.session;
    for case in cases(s) {
        case.start(s);
        let out = s.in_place(case.kind, &case.input, 300);
        out.rv.good_for(case.name);
        case.check(&out.data);
    }
}

#[test]
fn a_length_that_no_buffer_has_is_no_crash() {
    let user = User::new();
    let s = user.session;
    let mut room = [0_u8; 64];
    for length in [HUGE, HUGE / 2 + 1] {
        s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
        let (mut said, data) = (length, [1_u8; 3]);
        let out = room.as_mut_ptr();
        let rv = outcome(p11!(C_Digest(s.0, bytes(&data), 3, out, &mut said)));
        // The buffer is large enough, or the length is no length.
        match rv {
            Ok(()) => assert_eq!(said, 32),
            refused => refused.gives(CKR_ARGUMENTS_BAD),
        }
        s.start_null(Kind::Digest).code();
    }
}

fn too_small(short: &Output, needed: usize, room: usize, name: &str) {
    short.rv.gives_for(name, &[CKR_BUFFER_TOO_SMALL]);
    assert!(short.length >= needed as CK_ULONG, "{name}: {} is not enough", short.length);
    assert_eq!(short.data, vec![0xA5; room], "{name}: a buffer that is too small stays as it is");
}

#[test]
fn a_result_that_waits_answers_the_same_call_alone() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    let pad = Mech::iv(CKM_AES_CBC_PAD, &[1; 16]);
    let (one, two) = (vec![7; 100], vec![9; 100]);
    let sealed = |data: &[u8]| s.encrypt(&pad, key, data).good();
    let (first, second) = (sealed(&one), sealed(&two));
    let short = || {
        s.start(Kind::Decrypt, &pad, Some(key)).good();
        let short = s.once(Kind::Decrypt, &first, Room::Bytes(one.len() - 1));
        short.rv.gives(CKR_BUFFER_TOO_SMALL);
        assert_eq!(short.length, len(&one), "the exact length is told");
    };
    for room in [one.len(), first.len(), 4096] {
        short();
        let got = s.once(Kind::Decrypt, &first, Room::Bytes(room));
        got.rv.good();
        assert_eq!(got.data, one);
        idle(s, Kind::Decrypt, "after the plaintext");
    }
    let cut = &first[..first.len() - 16];
    for (what, other) in [("another", &second[..]), ("a shorter", cut), ("an empty", &[])] {
        short();
        let got = s.once(Kind::Decrypt, other, Room::Bytes(4096));
        assert!(got.rv.is_err() || got.data == two, "{what} ciphertext: {got:?}");
        assert!(!got.data.windows(16).any(|part| part == &one[..16]), "{what} ciphertext");
        s.cancel(CKF_DECRYPT).good();
    }
    // The end of parts is another call than the whole.
    short();
    let got = s.finish(Kind::Decrypt, Room::Bytes(4096));
    assert!(got.rv.is_err() && !got.data.windows(16).any(|part| part == &one[..16]), "{got:?}");
}

/// A client that was told 0 comes back with no buffer: another question, which takes nothing in.
#[test]
fn a_length_query_is_never_answered_with_nothing() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    let cbc = Mech::iv(CKM_AES_CBC, &[0; 16]);
    s.start(Kind::Encrypt, &cbc, Some(aes)).good();
    let asked = s.update_out(Kind::Encrypt, b"five!", Room::Null);
    asked.rv.good();
    assert_ne!(asked.length, 0);
    let room = Room::Bytes(asked.length as usize);
    assert_eq!(s.update_out(Kind::Encrypt, b"five!", room).data, b"");
    assert_eq!(s.update_out(Kind::Encrypt, &[0; 11], Room::Bytes(16)).data.len(), 16);
    let asked = s.finish(Kind::Encrypt, Room::Null);
    asked.rv.good();
    assert_ne!(asked.length, 0);
    let end = s.finish(Kind::Encrypt, Room::Bytes(asked.length as usize));
    end.rv.good();
    assert_eq!(end.length, 0, "the true length at last");
    idle(s, Kind::Encrypt, "AES-CBC");
}
