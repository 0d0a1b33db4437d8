// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A small strict reader of OpenMetrics 1.0 text, of the two types that are written, written from the
//! specification and not from the writer.

use std::collections::{BTreeMap, BTreeSet};

/// Series by name and labels.
pub type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Reads a whole text; what is wrong with it.
pub fn read(text: &str) -> Result<Samples, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("it does not end with # EOF")?;
    let mut samples = Samples::new();
    let (mut families, mut family) = (BTreeSet::new(), None::<(String, String)>);
    for line in body.lines() {
        let wrong = |what: &str| Err(format!("{what}: {line}"));
        let Some(rest) = line.strip_prefix("# ") else {
            let Some((name, kind)) = &family else { return wrong("a sample before its family") };
            let (key, value) = sample(line).ok_or(format!("no sample: {line}"))?;
            let expected = if kind == "counter" { format!("{name}_total") } else { name.clone() };
            if key.0 != expected {
                return wrong("a sample of another family");
            }
            if kind == "counter" && value.is_sign_negative() {
                return wrong("a counter below zero");
            }
            if samples.insert(key, value).is_some() {
                return wrong("twice");
            }
            continue;
        };
        let mut words = rest.splitn(3, ' ');
        let (Some(what), Some(name), Some(more)) = (words.next(), words.next(), words.next())
        else {
            return wrong("no such line");
        };
        match what {
            "TYPE" => {
                if !families.insert(name.to_owned()) || !matches!(more, "counter" | "gauge") {
                    return wrong("a family twice, or of no type");
                }
                family = Some((name.to_owned(), more.to_owned()));
            }
            "UNIT" if name.ends_with(&format!("_{more}")) => {}
            "HELP" => drop(unescape(more).ok_or(format!("bad escape: {line}"))?),
            _ => return wrong("no such line"),
        }
        if family.as_ref().is_none_or(|(of, _)| of != name) {
            return wrong("of another family");
        }
    }
    Ok(samples)
}

/// A name with its labels, and the value.
type Sample = ((String, BTreeMap<String, String>), f64);

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if label.is_empty() || !label.chars().all(good) {
                return None;
            }
            let close = closing(after)?;
            labels.insert(label.to_owned(), unescape(&after[..close])?).is_none().then_some(())?;
            rest = &after[close + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}')?;
    }
    let value = rest.strip_prefix(' ')?;
    let plain = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    Some(((name.to_owned(), labels), value.parse().ok().filter(|_| plain)?))
}

fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, letter)| {
        let close = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        close.then_some(at)
    })
}

fn unescape(text: &str) -> Option<String> {
    let (mut out, mut letters) = (String::new(), text.chars());
    while let Some(letter) = letters.next() {
        out.push(match letter {
            '\\' => match letters.next()? {
                'n' => '\n',
                other @ ('\\' | '"') => other,
                _ => return None,
            },
            other => other,
        });
    }
    Some(out)
}

#[test]
fn it_is_strict() {
    assert!(read("# TYPE a gauge\na 1\n# EOF\n").is_ok());
    for bad in [
        "# TYPE a gauge\na 1\n",
        "a 1\n# EOF\n",
        "# TYPE a counter\na 1\n# EOF\n",
        "# TYPE a gauge\na 1\na 1\n# EOF\n",
        "# TYPE a gauge\na 1\n# TYPE a gauge\n# EOF\n",
        "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n",
        "# TYPE a gauge\na{b=\"\\x\"} 1\n# EOF\n",
        "# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n# EOF\n",
        "# TYPE a gauge\na{b=\"1\"} x\n# EOF\n",
        "# TYPE a gauge\nb 1\n# EOF\n",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
