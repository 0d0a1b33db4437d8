// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys and certificates that OpenSSL made: imported in every form, exported, and the same.

use super::desk::{Desk, Ended};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::dsa::Dsa;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{KeyType, PKey, Private};
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use openssl::x509::{X509, X509Name};

type Pkey = PKey<Private>;

/// A key of each type that can be imported, with the name that the command gives it.
fn keys() -> Vec<(&'static str, Pkey)> {
    let ec = |nid| {
        let group = EcGroup::from_curve_name(nid).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    };
    vec![
        ("rsa:2048", PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()),
        ("ec:p256", ec(Nid::X9_62_PRIME256V1)),
        ("ec:p384", ec(Nid::SECP384R1)),
        ("ec:p521", ec(Nid::SECP521R1)),
        ("ed25519", PKey::generate_ed25519().unwrap()),
        ("ed448", PKey::generate_ed448().unwrap()),
        ("x25519", PKey::generate_x25519().unwrap()),
        ("x448", PKey::generate_x448().unwrap()),
        ("ml-dsa-65", seeded(KeyType::ML_DSA_65, &SEED[..32])),
        ("ml-kem-768", seeded(KeyType::ML_KEM_768, SEED)),
    ]
}

/// Heard as such: the other forms of these keys begin with what is public of them.
const SEED: &[u8; 64] = b"a seed that is in the file of a key, and in no other place there";

fn seeded(key_type: KeyType, seed: &[u8]) -> Pkey {
    PKey::private_key_from_seed(None, key_type, None, seed).unwrap()
}

fn import(desk: &Desk, file: &str, label: &str, more: &[&str]) -> Ended {
    desk.hear(SEED);
    let file = format!("$D/{file}");
    let first = ["key", "import", "--file", &file, "--label", label, "--pin-file", "$D/pin"];
    desk.run(&[&first, more].concat())
}

fn export(desk: &Desk, label: &str, more: &[&str]) -> Ended {
    let first = ["key", "export-public", "--label", label, "--pin-file", "$D/pin"];
    desk.run(&[&first, more].concat()).good()
}

/// A certificate that a key signed itself.
fn certificate(key: &Pkey, serial: u32) -> X509 {
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "strongroom test").unwrap();
    let name = name.build();
    let mut x509 = X509::builder().unwrap();
    x509.set_version(2).unwrap();
    let serial = BigNum::from_u32(serial).unwrap().to_asn1_integer().unwrap();
    x509.set_serial_number(&serial).unwrap();
    x509.set_subject_name(&name).unwrap();
    x509.set_issuer_name(&name).unwrap();
    x509.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    x509.set_not_after(&Asn1Time::days_from_now(9).unwrap()).unwrap();
    x509.set_pubkey(key).unwrap();
    x509.sign(key, MessageDigest::sha256()).unwrap();
    x509.build()
}

#[test]
fn private_keys_of_every_type_in_pem_and_der() {
    let desk = Desk::with_token();
    for (kind, key) in keys() {
        let files = [key.private_key_to_pem_pkcs8().unwrap(), key.private_key_to_pkcs8().unwrap()];
        for (form, file) in files.iter().enumerate() {
            let label = format!("{kind}-{form}");
            desk.write("key", file);
            // The same key twice has the same id, so the second is given one of its own.
            let id: &[&str] = if form == 0 { &[] } else { &["--id", "7f"] };
            let ended = import(&desk, "key", &label, id).good();
            assert!(ended.out.contains(kind), "{ended:?}");
            let pem = export(&desk, &label, &[]);
            assert_eq!(pem.raw, key.public_key_to_pem().unwrap(), "{kind}");
            let der = export(&desk, &label, &["--format", "der"]);
            assert_eq!(der.raw, key.public_key_to_der().unwrap(), "{kind}");
            let again = import(&desk, "key", &label, id);
            again.bad("is taken");
            let destroy = "key destroy --id 7f --all --yes --reason test --pin-file $D/pin";
            desk.run(&destroy.split(' ').collect::<Vec<_>>());
        }
    }
    desk.run(&["check"]).good();
}

#[test]
fn older_forms() {
    let desk = Desk::with_token();
    for (kind, key) in keys() {
        let (private, public) = match kind {
            "rsa:2048" => {
                let rsa = key.rsa().unwrap();
                (rsa.private_key_to_pem().unwrap(), Some(rsa.public_key_to_pem_pkcs1().unwrap()))
            }
            _ if kind.starts_with("ec:") => {
                (key.ec_key().unwrap().private_key_to_pem().unwrap(), None)
            }
            _ => continue,
        };
        desk.write("key", &private);
        import(&desk, "key", kind, &["--private-only"]).good();
        let listed = desk.run(&["key", "list", "--label", kind, "--pin-file", "$D/pin"]).good();
        assert!(!listed.out.contains("public"), "{listed:?}");
        assert_eq!(export(&desk, kind, &[]).raw, key.public_key_to_pem().unwrap());
        if let Some(public) = public {
            desk.write("public", &public);
            import(&desk, "public", "older", &[]).good();
            assert_eq!(export(&desk, "older", &[]).raw, key.public_key_to_pem().unwrap());
        }
    }
}

#[test]
fn public_keys() {
    let desk = Desk::with_token();
    for (kind, key) in keys() {
        desk.write("key", &key.public_key_to_pem().unwrap());
        import(&desk, "key", kind, &[]).good();
        desk.write("key", &key.public_key_to_der().unwrap());
        import(&desk, "key", &format!("{kind} der"), &["--id", "01"]).good();
        for label in [kind.to_string(), format!("{kind} der")] {
            assert_eq!(
                export(&desk, &label, &["--public"][..0]).raw,
                key.public_key_to_pem().unwrap()
            );
        }
        desk.run(&["key", "destroy", "--id", "01", "--yes", "--pin-file", "$D/pin"]).good();
    }
    let listed = desk.run(&["key", "list", "--pin-file", "$D/pin"]).good();
    assert!(!listed.out.contains("private"), "{listed:?}");
}

#[test]
fn encrypted_keys() {
    let desk = Desk::with_token();
    let key = PKey::generate_ed25519().unwrap();
    let words = b"correct horse battery staple";
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let files = [
        (&key, key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), words).unwrap()),
        (&key, key.private_key_to_pkcs8_passphrase(Cipher::aes_256_cbc(), words).unwrap()),
        (
            &rsa,
            rsa.rsa().unwrap().private_key_to_pem_passphrase(Cipher::aes_128_cbc(), words).unwrap(),
        ),
    ];
    for (form, (key, file)) in files.iter().enumerate() {
        desk.write("key", file);
        let label = form.to_string();
        import(&desk, "key", &label, &[]).bad("--key-passphrase-file");
        import(&desk, "key", &label, &["--key-passphrase-file", "$D/wrong"])
            .bad("the passphrase does not open this private key");
        let good = ["--key-passphrase-file", "$D/passphrase", "--id", &format!("0{form}")];
        import(&desk, "key", &label, &good).good();
        assert_eq!(export(&desk, &label, &[]).raw, key.public_key_to_pem().unwrap());
    }
    // A passphrase for a key that needs none does no harm.
    desk.write("key", &rsa.private_key_to_pem_pkcs8().unwrap());
    import(&desk, "key", "plain", &["--key-passphrase-file", "$D/passphrase", "--id", "aa"]).good();
}

#[test]
fn certificates_find_their_keys() {
    let desk = Desk::with_token();
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    // The first bit of the serial number is set: as an INTEGER it has a zero in front.
    let x509 = certificate(&key, 0xfedc_ba98);
    desk.write("key", &key.private_key_to_pem_pkcs8().unwrap());
    desk.write("cert", &x509.to_pem().unwrap());
    import(&desk, "key", "server", &["--id", "0badcafe"]).good();
    let made = import(&desk, "cert", "server", &["--json"]).good().json();
    assert_eq!(made[0]["id"], "0badcafe");
    let owned = import(&desk, "cert", "owned", &["--owner", "somebody"]);
    owned.bad("a certificate has no owner");
    assert_eq!(made[0]["class"], "certificate");
    assert_eq!(made[0]["type"], "x509");
    let both = desk.run(&["key", "export-public", "--label", "server", "--public"]);
    both.bad("2 objects fit");
    let out = export(&desk, "server", &["--class", "certificate"]);
    assert_eq!(out.raw, x509.to_pem().unwrap());
    let out = export(&desk, "server", &["--class", "certificate", "--format", "der"]);
    assert_eq!(out.raw, x509.to_der().unwrap());
    let out = export(&desk, "server", &["--class", "public"]);
    assert_eq!(out.raw, key.public_key_to_pem().unwrap());
    let shown =
        ["key", "show", "--label", "server", "--class", "certificate", "--public", "--json"];
    let shown = desk.run(&shown).good().json();
    let attributes = shown[0]["attributes"].as_array().unwrap();
    let value =
        |name: &str| attributes.iter().find(|a| a["name"] == name).unwrap()["value"].clone();
    assert_eq!(value("CKA_SERIAL_NUMBER"), "020500fedcba98");
    assert_eq!(value("CKA_SUBJECT"), hex::encode(x509.subject_name().to_der().unwrap()));
    assert_eq!(value("CKA_SUBJECT"), value("CKA_ISSUER"));
    assert_eq!(value("CKA_PUBLIC_KEY_INFO"), hex::encode(key.public_key_to_der().unwrap()));
    // DER, under another id.
    desk.write("cert", &x509.to_der().unwrap());
    import(&desk, "cert", "again", &[]).bad("is taken");
    import(&desk, "cert", "again", &["--id", "02"]).good();
    assert_eq!(export(&desk, "again", &[]).raw, x509.to_pem().unwrap());
}

#[test]
fn files_that_hold_several() {
    let desk = Desk::with_token();
    let key = PKey::generate_ed25519().unwrap();
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let x509 = certificate(&rsa, 1);
    let (pem, key_pem) = (x509.to_pem().unwrap(), rsa.private_key_to_pem_pkcs8().unwrap());
    desk.write("both", &[b"Some words before.\n", pem.as_slice(), &key_pem].concat());
    import(&desk, "both", "a", &[]).bad("say which to import with --class");
    import(&desk, "both", "a", &["--class", "public"]).bad("the file holds no public");
    let made = import(&desk, "both", "a", &["--class", "private", "--json"]).good().json();
    let cert = import(&desk, "both", "a", &["--class", "certificate", "--json"]).good().json();
    assert_eq!(made[0]["id"], cert[0]["id"]);
    desk.write("chain", &[pem.clone(), pem].concat());
    import(&desk, "chain", "b", &[]).bad("2 objects of class certificate");
    let other = key.private_key_to_pem_pkcs8().unwrap();
    desk.write("keys", &[key_pem, other].concat());
    import(&desk, "keys", "b", &[]).bad("2 objects of class private");
}

#[test]
fn keys_that_are_not_supported_or_not_whole() {
    let desk = Desk::with_token();
    let group = EcGroup::from_curve_name(Nid::BRAINPOOL_P256T1).unwrap();
    let odd = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    desk.write("key", &odd.private_key_to_pem_pkcs8().unwrap());
    import(&desk, "key", "a", &[]).bad("supported are P-224");
    desk.write("key", &odd.public_key_to_pem().unwrap());
    import(&desk, "key", "a", &[]).bad("supported are P-224");
    let mut der = PKey::generate_ed25519().unwrap().private_key_to_pkcs8().unwrap();
    der.pop();
    desk.write("key", &der);
    import(&desk, "key", "a", &[]).bad("holds no private key, public key or certificate");
    desk.write("key", &vec![b'x'; 70_000]);
    import(&desk, "key", "a", &[]).bad("longer than 65536 bytes");
    // A prime that is too short for DSA of any time.
    let small = Dsa::generate(512).unwrap();
    let number = |number: &openssl::bn::BigNumRef| number.to_owned().unwrap();
    let (p, q, g) = (number(small.q()), number(small.q()), number(small.g()));
    let small = Dsa::from_public_components(p, q, g, number(small.pub_key())).unwrap();
    desk.write("key", &PKey::from_dsa(small).unwrap().public_key_to_pem().unwrap());
    assert_eq!(import(&desk, "key", "a", &[]).code, 1);
    let report = desk.run(&["check", "--json"]).good().json();
    assert_eq!(report["objects"], 0);
}

/// They sign, encrypt and wrap nothing more, which the tests of the mechanisms show.
#[test]
fn short_rsa_keys_are_kept_for_what_they_protected() {
    let desk = Desk::with_token();
    let small = PKey::from_rsa(Rsa::generate(512).unwrap()).unwrap();
    desk.write("key", &small.private_key_to_pem_pkcs8().unwrap());
    import(&desk, "key", "a", &[]).good();
    let report = desk.run(&["check", "--json"]).good().json();
    assert_eq!(report["objects"], 2);
}

#[test]
fn keys_in_finite_fields() {
    let desk = Desk::with_token();
    let dsa = PKey::from_dsa(Dsa::generate(1024).unwrap()).unwrap();
    let group = openssl::dh::Dh::get_2048_256().unwrap();
    let dhx = PKey::from_dhx(group.generate_key().unwrap()).unwrap();
    for (label, key, kind, id) in [("dsa", dsa, "dsa", "0a"), ("dhx", dhx, "x9.42-dh", "0b")] {
        desk.write("key", &key.private_key_to_pem_pkcs8().unwrap());
        let made = import(&desk, "key", label, &["--json"]).good().json();
        assert_eq!(made[0]["type"], kind);
        assert_eq!(made[1]["type"], kind);
        desk.write("public", &key.public_key_to_pem().unwrap());
        let options = ["--id", id, "--json"];
        let made = import(&desk, "public", &format!("{label} public"), &options).good().json();
        assert_eq!(made[0]["type"], kind);
    }
}

#[test]
fn usages_of_imported_keys() {
    let desk = Desk::with_token();
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    desk.write("key", &rsa.private_key_to_pem_pkcs8().unwrap());
    let options = ["--usage", "sign", "--extractable", "--json"];
    let made = import(&desk, "key", "a", &options).good().json();
    assert_eq!(made[0]["usages"], serde_json::json!(["sign"]));
    assert_eq!(made[0]["extractable"], true);
    assert_eq!(made[0]["sensitive"], true);
    assert_eq!(made[1]["usages"], serde_json::json!(["verify"]));
}
