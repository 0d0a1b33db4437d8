// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `docs/recovery.md`: each store here is damaged as it says, says what the page has it say, and is put right by
//! what the page tells to do.

use super::desk::Desk;
use rusqlite::Connection;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// One kind of damage, and the way out.
struct Damage {
    /// What is done to the files: `sql:` over the database, else a shell's command in the directory of the
    /// store.
    how: &'static [&'static str],
    /// What is run to hear of it, and its exit code.
    asks: (&'static str, i32),
    /// What it says.
    says: &'static [&'static str],
    /// What is done about it: commands of ours, or the shell's (`$`).
    mends: &'static [&'static str],
}

const CHECK: (&str, i32) = ("check", 1);
const LIST: &str = "key list --pin-file $D/pin";
const DISCARD: &str = "check --discard 1 --yes --so-pin-file $D/so";
const REPAIR: &str = "check --repair";
const BACKUP: &[&str] =
    &["$ mv store store.damaged && cp -a backup store && rm -r store.damaged", "check"];

const DAMAGES: &[Damage] = &[
    Damage {
        how: &["sql:UPDATE object SET body = x'00' WHERE id = 1"],
        asks: CHECK,
        says: &["object 1: altered: "],
        mends: &[DISCARD],
    },
    Damage {
        how: &["sql:UPDATE object SET private = 1 - private, wrap = x'00' WHERE id = 1"],
        asks: CHECK,
        says: &["object 1: altered: "],
        mends: BACKUP,
    },
    Damage {
        how: &[
            "cp ../backup/store.db old.db",
            "sql:ATTACH 'old.db' AS old; \
                INSERT OR REPLACE INTO object SELECT * FROM old.object WHERE id = 2",
        ],
        asks: CHECK,
        says: &["object 2: an older copy, of its change "],
        mends: &["check --discard 2 --yes --so-pin-file $D/so"],
    },
    Damage {
        how: &["sql:DELETE FROM object WHERE id = 1"],
        asks: CHECK,
        says: &["object 1: gone: it was an object of token "],
        mends: &[DISCARD],
    },
    Damage {
        how: &[
            "sql:INSERT INTO object SELECT 77, token, private, revision, generation, wrap, body \
                FROM object WHERE id = 1",
        ],
        asks: CHECK,
        says: &["object 77: nobody wrote it: it is not on the roll"],
        mends: &["check --discard 77 --yes --so-pin-file $D/so"],
    },
    Damage {
        how: &["sql:UPDATE object SET body = 'text' WHERE id = 1"],
        asks: CHECK,
        says: &["object 1: its column 'body' holds "],
        mends: &[DISCARD],
    },
    Damage {
        how: &["sql:UPDATE object SET private = 7 WHERE id = 1"],
        asks: CHECK,
        says: &["object 1: its row cannot be read"],
        mends: &[DISCARD],
    },
    Damage {
        how: &["sql:DELETE FROM tag WHERE object = 1"],
        asks: CHECK,
        says: &["tags of object 1: "],
        mends: &["check --repair --token web --pin-file $D/pin"],
    },
    Damage {
        how: &["sql:UPDATE object SET wrap = x'00' WHERE id = 1"],
        asks: ("rotate token-key --pin-file $D/pin", 1),
        says: &["cannot renew the keys of token", "object 1 was altered", "check --discard NUMBER"],
        mends: &[DISCARD, "rotate token-key --pin-file $D/pin"],
    },
    Damage {
        how: &["sql:UPDATE object SET generation = 0 WHERE id = 1"],
        asks: ("rotate token-key --pin-file $D/pin", 1),
        says: &["an object rests under no key of the token", "check --discard NUMBER"],
        mends: &[DISCARD, "rotate token-key --pin-file $D/pin"],
    },
    Damage {
        how: &["sql:UPDATE object SET body = x'00' WHERE id = 1"],
        asks: ("rotate master-key --compromised", 1),
        says: &["the store is not as it was written (faults: ", "): nothing was rotated"],
        mends: &[DISCARD, "rotate master-key --compromised"],
    },
    Damage {
        how: &["sql:UPDATE object SET body = x'00' WHERE id = 1"],
        asks: ("rotate master-key --compromised --force", 1),
        says: &["the new keys are in force, but "],
        mends: &[DISCARD],
    },
    Damage {
        how: &["sql:UPDATE token SET body = CAST(body || x'00' AS BLOB)"],
        asks: CHECK,
        says: &["token 1: its record was altered"],
        mends: BACKUP,
    },
    Damage {
        how: &["sql:UPDATE token SET body = CAST(body || x'00' AS BLOB)"],
        asks: (LIST, 1),
        says: &["token 1 was altered"],
        mends: BACKUP,
    },
    Damage {
        how: &[
            "cp ../backup/store.db old.db",
            "sql:ATTACH 'old.db' AS old; \
                INSERT OR REPLACE INTO token SELECT * FROM old.token",
        ],
        asks: CHECK,
        says: &[
            "token 1: an older record was put back, with PIN attempts and settings as they were",
        ],
        mends: BACKUP,
    },
    Damage {
        how: &["sql:DELETE FROM token"],
        asks: CHECK,
        says: &["token 1: it is gone"],
        mends: BACKUP,
    },
    Damage {
        how: &["sql:INSERT INTO token SELECT 9, body FROM token"],
        asks: CHECK,
        says: &["token 9: nobody wrote it"],
        mends: BACKUP,
    },
    Damage {
        how: &["sql:UPDATE value SET value = x'00' WHERE name = 'policy 1'"],
        asks: CHECK,
        says: &["the policy of token 1 was altered"],
        mends: &["policy set $D/policy.toml --so-pin-file $D/so"],
    },
    Damage {
        how: &["rm seal-1.key"],
        asks: (LIST, 1),
        says: &["the seal file ", "seal-1.key is missing", "no seal slot opens this store"],
        mends: &["$ cp -a backup/seal-1.key store/"],
    },
    Damage {
        how: &["printf short > seal-1.key"],
        asks: (LIST, 1),
        says: &["does not hold 32 bytes"],
        mends: &["$ cp -a backup/seal-1.key store/"],
    },
    Damage {
        how: &["head -c 32 /dev/zero > seal-1.key"],
        asks: ("check", 2),
        says: &["this is not its secret, or the slot was altered"],
        mends: &["$ cp -a backup/seal-1.key store/"],
    },
    Damage {
        how: &["sql:INSERT INTO seal_slot SELECT 9, body FROM seal_slot"],
        asks: (LIST, 1),
        says: &["seal slot 9 was altered"],
        mends: BACKUP,
    },
    Damage {
        how: &["chmod 644 seal-1.key"],
        asks: (LIST, 1),
        says: &[", which lets others in: chmod ", " has mode 0644"],
        mends: &["$ chmod 0600 store/seal-1.key"],
    },
    Damage { how: &["rm changes"], asks: (LIST, 1), says: &["changes"], mends: &[REPAIR] },
    Damage {
        how: &["printf 'no database' > store.db"],
        asks: ("check", 2),
        says: &["the database is damaged"],
        mends: BACKUP,
    },
    Damage {
        how: &["sql:PRAGMA user_version = 9"],
        asks: ("check", 2),
        says: &["is not a store of a format that this version reads"],
        mends: BACKUP,
    },
    Damage {
        how: &["sql:DROP INDEX tag_object"],
        asks: CHECK,
        says: &["is not there as it was made"],
        mends: &[REPAIR],
    },
    Damage {
        how: &["sql:CREATE TRIGGER t AFTER INSERT ON value BEGIN DELETE FROM tag; END"],
        asks: CHECK,
        says: &["does not belong"],
        mends: &[REPAIR],
    },
    Damage {
        how: &["sql:DELETE FROM value WHERE name = 'roll'"],
        asks: CHECK,
        says: &["named value 'roll': "],
        mends: &[REPAIR],
    },
    Damage {
        how: &["sql:DELETE FROM roll WHERE id = 0"],
        asks: CHECK,
        says: &["row 0 of the roll: "],
        mends: &[REPAIR],
    },
    Damage {
        how: &["sql:DELETE FROM value WHERE name = 'heads'"],
        asks: CHECK,
        says: &["named value 'heads': "],
        mends: &[REPAIR],
    },
    Damage {
        how: &["sql:UPDATE number SET last = 1 WHERE name = 'object'"],
        asks: CHECK,
        says: &["': it is ", "counter 'object'"],
        mends: &[REPAIR],
    },
    Damage {
        how: &["sql:DELETE FROM roll; DELETE FROM value WHERE name = 'roll'; \
                DELETE FROM object WHERE id = 1; DELETE FROM tag WHERE object = 1"],
        asks: CHECK,
        says: &["the roll, which would tell which, was altered as well"],
        mends: BACKUP,
    },
    Damage {
        how: &["sql:UPDATE value SET value = x'00' WHERE name = 'state'"],
        asks: CHECK,
        says: &["named value 'state': it is not one that was written"],
        mends: BACKUP,
    },
    Damage {
        how: &["sql:INSERT INTO value VALUES ('more', x'00')"],
        asks: CHECK,
        says: &["': nobody wrote it", "named value 'more'"],
        mends: BACKUP,
    },
    Damage {
        how: &["rm audit/head"],
        asks: (LIST, 1),
        says: &["the audit log has no head any more", "audit renew --lost"],
        mends: &["audit renew --lost"],
    },
    Damage {
        how: &["printf x | dd of=audit/head bs=1 seek=100 conv=notrunc 2>/dev/null"],
        asks: (LIST, 1),
        says: &["the head of the audit log was altered", "audit renew --lost"],
        mends: &["audit renew --lost"],
    },
    Damage {
        how: &["rm -r audit", "cp -a ../backup/audit ."],
        asks: CHECK,
        says: &[
            "audit log: the audit log ends ",
            " records before the one that the store was bound to",
        ],
        mends: &["$ rm -r store/audit && cp -a latest/audit store/"],
    },
    Damage {
        how: &["rm store.db*", "cp -a ../backup/store.db ."],
        asks: CHECK,
        says: &[
            "audit store: the store is an older copy: its audit log has seen later revisions of it",
        ],
        mends: BACKUP,
    },
];

const PAGE: &str = include_str!("../../docs/recovery.md");

#[test]
fn each_way_out_of_a_damage_is_one() {
    let desk = Desk::with_token();
    let run = |line: &str| desk.run(&line.split_whitespace().collect::<Vec<_>>());
    desk.write("policy.toml", b"version = 1\n[[rule]]\nname = \"all\"\n");
    run("policy set $D/policy.toml --so-pin-file $D/so").good();
    for label in ["one", "two"] {
        run(&format!("key generate --type aes --label {label} --pin-file $D/pin")).good();
    }
    shell(&desk, &desk.store(), "cp -a . ../backup");
    run("key set --label two --owner somebody --pin-file $D/pin").good();
    run("key list --pin-file $D/wrong").bad("2 attempts are left");
    shell(&desk, &desk.store(), "cp -a . ../latest");
    for damage in DAMAGES {
        let what = format!("{:?}", damage.how);
        shell(&desk, &desk.path(""), "rm -r store && cp -a latest store");
        run("check").good();
        for how in damage.how {
            match how.strip_prefix("sql:") {
                None => shell(&desk, &desk.store(), how),
                Some(sql) => {
                    let sql = sql.replace(
                        "'old.db'",
                        &format!("'{}'", desk.store().join("old.db").display()),
                    );
                    let database = Connection::open(desk.store().join("store.db")).unwrap();
                    database.execute_batch(&sql).unwrap();
                }
            }
        }
        let (asks, code) = damage.asks;
        let ended = run(asks);
        assert_eq!(ended.code, code, "{what}: {asks}: {ended:?}");
        for says in damage.says {
            let said = ended.out.contains(says) || ended.err.contains(says);
            assert!(said, "{what}: '{says}' is not in {ended:?}");
        }
        assert!(ended.err.contains("next: "), "{what}: {ended:?}");
        for mends in damage.mends {
            match mends.strip_prefix("$ ") {
                Some(command) => shell(&desk, &desk.path(""), command),
                None => drop(run(mends).good()),
            }
        }
        run("check").good();
        run(LIST).good();
    }
}

#[test]
fn the_page_has_what_stores_say_and_what_mends_them() {
    let page = plain(PAGE);
    for damage in DAMAGES {
        assert!(page.contains(&plain(damage.says[0])), "{:?} is not on the page", damage.says);
        for mends in damage.mends.iter().filter(|mends| !mends.starts_with('$')) {
            let words = mends.split(' ').take_while(|word| !word.starts_with(['$', '1', '2', '7']));
            let verb: Vec<_> = words.take(2).collect();
            assert!(page.contains(&format!("strongroom {}", verb.join(" "))), "{mends}");
        }
    }
}

/// Blanks are alike, and N stands for any number.
fn plain(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut all = String::new();
    for c in words.chars().map(|c| if c.is_ascii_digit() { 'N' } else { c }) {
        if c != 'N' || !all.ends_with('N') {
            all.push(c);
        }
    }
    all
}

fn shell(desk: &Desk, directory: &Path, line: &str) {
    let mut command: Command = desk.command("sh", ["-c", line]);
    let output = command.current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    let mode = std::fs::metadata(directory).unwrap().permissions().mode();
    assert!(mode & 0o077 == 0 || directory != desk.store(), "{mode:o}");
}
