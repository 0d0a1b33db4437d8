// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Uses are counted exactly, whoever records them.

use super::reader::Reader;
use super::{Ground, signing};

fn counted(read: &Reader) -> u64 {
    read.of("C_Sign").iter().map(|record| record["details"]["count"].as_u64().unwrap()).sum()
}

#[test]
fn a_record_says_how_often() {
    let ground = Ground::new();
    let log = ground.open();
    let counter = log.counter(&signing(3)).unwrap();
    (0..41).for_each(|_| counter.add());
    log.flush().unwrap();
    counter.add();
    log.close().unwrap();
    let read = ground.read();
    let counts: Vec<_> = read.of("C_Sign").iter().map(|r| r["details"]["count"].clone()).collect();
    assert_eq!(counts, [41, 1]);
    assert_eq!(read.of("C_Sign")[0]["session"], 3);
    assert_eq!(read.of("C_Sign")[0]["who"]["role"], "user");
}

/// A killed process leaves its file, which nobody holds.
#[test]
fn another_records_what_a_dead_process_counted() {
    let ground = Ground::new();
    let log = ground.open();
    let counter = log.counter(&signing(3)).unwrap();
    (0..7).for_each(|_| counter.add());
    drop((counter, log));
    assert_eq!(counted(&ground.read()), 0);
    let other = ground.open();
    other.sweep().unwrap();
    other.sweep().unwrap();
    assert_eq!(counted(&ground.read()), 7);
    let names = std::fs::read_dir(ground.place().directory).unwrap();
    let left =
        names.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains("counts"));
    assert_eq!(left.count(), 0);
}

#[test]
fn no_use_is_lost_between_many_who_take_them() {
    let ground = Ground::new();
    std::thread::scope(|scope| {
        for session in 1..4 {
            let log = ground.open();
            scope.spawn(move || {
                for round in 0..20 {
                    // More counters than a file has room for.
                    let counters: Vec<_> =
                        (0..30).map(|_| log.counter(&signing(session)).unwrap()).collect();
                    counters.iter().for_each(|counter| counter.add());
                    if round % 5 == 0 {
                        log.sweep().unwrap();
                    }
                    counters.iter().for_each(|counter| counter.add());
                }
                log.close().unwrap();
            });
        }
    });
    assert_eq!(counted(&ground.read()), 3 * 20 * 30 * 2);
}
