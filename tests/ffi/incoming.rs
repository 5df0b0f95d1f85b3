//! Options, keys and certificates as they come in.

use leaderserver::core::error::Error;
use leaderserver::ffi::options::{self, Options};

use crate::pairs;

fn material(elements: &[&[u8]]) -> Option<Vec<Vec<u8>>> {
    Some(elements.iter().map(|element| element.to_vec()).collect())
}

#[test]
fn keys_and_certificates_come_in_one_list() {
    let print = "AB:cd".to_owned() + &":00".repeat(18);
    let given = pairs(&[("namespace", "/n"), ("tls-fingerprint", &print)]);
    let tls = material(&[b"key", &[2], b"own", b"issuer", b"a", b"b", b"c"]);
    let (config, tls) = options::client(given, tls).expect("valid");
    assert_eq!(config.namespace.expect("given").as_str(), "/n");
    let tls = tls.expect("given");
    assert_eq!((tls.key.as_slice(), tls.chain.len()), (b"key".as_slice(), 2));
    assert_eq!(tls.trusted, [b"a", b"b", b"c"]);
    let mut bytes = vec![0xab, 0xcd];
    bytes.resize(20, 0);
    assert_eq!(tls.fingerprint, Some(bytes));

    let (_, tls) = options::server(Options::new(), None).expect("valid");
    assert!(tls.is_none());
}

#[test]
fn bad_options_are_named() {
    let none: &[(&str, &str)] = &[];
    let key = b"key".as_slice();
    let long = "0".repeat(40) + "xx";
    for (options, tls, name) in [
        ([("sesion-timeout", "5")].as_slice(), None, "sesion-timeout"),
        (&[("endpoint", "nowhere")], None, "endpoint"),
        (&[("tls-fingerprint", "00")], None, "tls-fingerprint"),
        (&[("tls-fingerprint", "00")], material(&[key, &[0]]), "tls-fingerprint"),
        (&[("tls-fingerprint", &long)], material(&[key, &[0]]), "tls-fingerprint"),
        (none, material(&[]), "tls"),
        (none, material(&[key]), "tls"),
        (none, material(&[key, &[]]), "tls"),
        (none, material(&[key, &[1, 1], b"own"]), "tls"),
        (none, material(&[key, &[3], b"own", b"issuer"]), "tls"),
    ] {
        let error = options::client(pairs(options), tls).expect_err("refused");
        let named = matches!(&error, Error::InvalidArgument { key, .. } if key == name);
        assert!(named, "{name}: {error}");
    }
}
