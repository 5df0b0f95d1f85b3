//! Private keys of elliptic curves without their public half.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const PUBLIC_KEY: u8 = 0xa1;

/// The names of the method and of the curve.
const MAX_ALGORITHM: usize = 64;

/// That of P-521.
const MAX_COORDINATE: usize = 66;

/// Puts the public key of a certificate (its SubjectPublicKeyInfo) into a PKCS#8 key that leaves it
/// out, as the JDK's do (RFC 5915 lets it). None if it is no such key; whether the two belong
/// together is checked by who loads it.
pub(super) fn with_public_key(pkcs8: &[u8], spki: &[u8]) -> Option<Vec<u8>> {
    let mut outer = pkcs8;
    let mut outer = take(&mut outer, SEQUENCE)?;
    let version = take(&mut outer, INTEGER).filter(|version| *version == [0])?;
    let algorithm = take(&mut outer, SEQUENCE)?;
    let mut private = take(&mut outer, OCTET_STRING)?;
    let mut private = take(&mut private, SEQUENCE)?;
    let inner_version = take(&mut private, INTEGER).filter(|version| *version == [1])?;
    let scalar = take(&mut private, OCTET_STRING)?;

    let mut spki = spki;
    let mut spki = take(&mut spki, SEQUENCE)?;
    if take(&mut spki, SEQUENCE)? != algorithm || algorithm.len() > MAX_ALGORITHM {
        return None;
    }
    let public = take(&mut spki, BIT_STRING)?;

    // No unused bits, an uncompressed point: as many bytes for each coordinate as for the scalar.
    let (&[0, 4], coordinates) = public.split_first_chunk::<2>()? else { return None };
    let length = coordinates.len() / 2;
    if length > MAX_COORDINATE {
        return None;
    }
    let start = scalar.iter().position(|&byte| byte != 0).unwrap_or(scalar.len());
    let scalar = &scalar[start..];
    let padding = length.checked_sub(scalar.len())?;
    let scalar = [&vec![0; padding], scalar].concat();

    let public = tlv(PUBLIC_KEY, &[&tlv(BIT_STRING, &[public])]);
    let inner_version = tlv(INTEGER, &[inner_version]);
    let private = tlv(SEQUENCE, &[&inner_version, &tlv(OCTET_STRING, &[&scalar]), &public]);
    let version = tlv(INTEGER, &[version]);
    let algorithm = tlv(SEQUENCE, &[algorithm]);
    Some(tlv(SEQUENCE, &[&version, &algorithm, &tlv(OCTET_STRING, &[&private])]))
}

/// The content of the next element, which must have this tag.
fn take<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&[found, first], rest) = input.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => {
            let (size, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*size)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *input = rest;
    Some(content)
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).expect("the parts are those of a curve");
    let [high, low] = length.to_be_bytes();
    let mut element = match (high, low) {
        (0, 0..=0x7f) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    element.extend(content);
    element
}
