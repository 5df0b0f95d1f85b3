//! The wire: what is said arrives as it was said, and what is no message is refused (P10).

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use leaderserver::core::config::{Mode, Timing};
use leaderserver::core::error::{Error, Refusal};
use leaderserver::core::ids::{
    Candidacy, ClientId, Epoch, Incarnation, LeaderInformation, LeaderSessionId, MAX_ADDRESS, Name,
    Revision, SessionId, SessionToken,
};
use leaderserver::core::store::{
    Fence, MAX_VALUE, Operation, OperationKind, Page, PageEntry, Query, StoreError, Write, WriteId,
    Written,
};
use leaderserver::core::wire::codec::{decode_client, decode_server, encode_client, encode_server};
use leaderserver::core::wire::frame::FrameReader;
use leaderserver::core::wire::message::{
    Addresses, ClientMessage, Hello, Leading, Resume, ServerMessage, Welcome,
};
use leaderserver::core::wire::status::{
    CandidateStatus, ComponentStatus, ElectionStatus, NamespaceStatus, SessionStatus, Status,
};
use leaderserver::core::wire::{MAX_FIRST_FRAME, MAX_FRAME};

// --- Strategies: every message that is valid

fn name() -> impl Strategy<Value = Name> {
    "[^\\x00]{1,20}".prop_map(|text| Name::new("name", &text).expect("short and not empty"))
}

fn text() -> impl Strategy<Value = String> {
    "[^\\x00]{0,40}"
}

fn id() -> impl Strategy<Value = LeaderSessionId> {
    (1..u64::MAX, any::<u64>())
        .prop_map(|(epoch, low)| LeaderSessionId { epoch: Epoch(epoch), low })
}

fn address() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..100).prop_map(Bytes::from)
}

fn addresses() -> impl Strategy<Value = Addresses> {
    ("[0-9.:\\[\\]a-f]{1,60}", "[0-9.:\\[\\]a-f]{1,60}")
        .prop_map(|(local, peer)| Addresses { local, peer })
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::PerProcess), Just(Mode::PerComponent)]
}

fn refusal() -> impl Strategy<Value = Refusal> {
    use Refusal::*;
    proptest::sample::select(vec![
        Version,
        Namespace,
        Token,
        Timing,
        Mode,
        StaleAttempt,
        Stopping,
        Limit,
        Protocol,
    ])
}

/// Those that a Welcome may settle.
fn timing() -> impl Strategy<Value = Timing> {
    (100..1_000_000_u64, 0..=100_u64).prop_map(|(timeout, percent)| Timing {
        session_timeout: Duration::from_millis(timeout),
        disconnect_grace: Duration::from_millis(timeout / 2 * percent / 100),
    })
}

fn leading() -> impl Strategy<Value = Leading> {
    (name(), id(), any::<u64>(), option::of(name())).prop_map(|(election, id, candidacy, name)| {
        Leading { election, id, candidacy: Candidacy(candidacy), name }
    })
}

fn hello() -> impl Strategy<Value = Hello> {
    let resume = (1..u64::MAX, 1..u128::MAX, any::<u64>()).prop_map(|(session, token, attempt)| {
        Resume { session: SessionId(session), token: SessionToken(token), attempt }
    });
    let seen = (1..u128::MAX, any::<u64>())
        .prop_map(|(incarnation, revision)| (Incarnation(incarnation), Revision(revision)));
    (
        (0..5_u32, 5..9_u32, option::of(name()), name(), timing()),
        (option::of(resume), option::of(seen), any::<u64>()),
        (option::of(addresses()), vec(leading(), 0..5)),
    )
        .prop_map(
            |((min, max, namespace, name, timing), (resume, seen, epoch), (ends, leading))| Hello {
                min_version: min,
                max_version: max,
                namespace,
                name,
                timing,
                resume,
                seen,
                highest_epoch: Epoch(epoch),
                addresses: ends,
                leading,
            },
        )
}

fn operation() -> impl Strategy<Value = Operation> {
    use OperationKind::*;
    let version = || (1..u64::MAX).prop_map(Revision);
    let kind = prop_oneof![
        (name(), address()).prop_map(|(key, value)| Create { key, value }),
        (name(), version(), address()).prop_map(|(key, version, value)| Replace {
            key,
            version,
            value
        }),
        (name(), option::of(version())).prop_map(|(key, version)| Delete { key, version }),
        text().prop_map(|prefix| DeletePrefix { prefix }),
    ];
    (name(), kind).prop_map(|(election, kind)| Operation { election, kind })
}

fn query() -> impl Strategy<Value = Query> {
    prop_oneof![
        (name(), name()).prop_map(|(election, key)| Query::Get { election, key }),
        (name(), text(), option::of(name()), any::<bool>()).prop_map(
            |(election, prefix, after, values)| Query::List { election, prefix, after, values }
        ),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    let fence = (name(), any::<u64>())
        .prop_map(|(election, epoch)| Fence { election, epoch: Epoch(epoch) });
    (
        (1..u128::MAX, 1..u64::MAX, any::<u64>(), any::<u64>(), 1..u128::MAX),
        (vec(fence, 0..4), vec(operation(), 0..6)),
    )
        .prop_map(|((client, sequence, below, age_ms, incarnation), (fences, operations))| {
            Write {
                id: WriteId { client: ClientId(client), sequence },
                had_below: below % (sequence + 1),
                age_ms,
                incarnation: Incarnation(incarnation),
                fences,
                operations,
            }
        })
}

fn page() -> impl Strategy<Value = Page> {
    let entry = (name(), any::<u64>(), address()).prop_map(|(key, version, value)| PageEntry {
        key,
        version: Revision(version),
        value,
    });
    (any::<u64>(), vec(entry, 0..6), any::<bool>()).prop_map(|(revision, entries, more)| Page {
        revision: Revision(revision),
        entries,
        more,
    })
}

fn written() -> impl Strategy<Value = Result<Written, StoreError>> {
    use StoreError::*;
    let version = || any::<u64>().prop_map(Revision);
    prop_oneof![
        (version(), any::<u64>()).prop_map(|(revision, deleted)| Ok(Written { revision, deleted })),
        (name(), any::<u64>(), any::<u64>()).prop_map(|(election, epoch, last)| Err(Fenced {
            election,
            epoch: Epoch(epoch),
            last: Epoch(last)
        })),
        (name(), version()).prop_map(|(key, version)| Err(Exists { key, version })),
        name().prop_map(|key| Err(NotFound { key })),
        (name(), version()).prop_map(|(key, version)| Err(Changed { key, version })),
        text().prop_map(|text| Err(Limit(text))),
        Just(Err(Incarnation)),
        text().prop_map(|text| Err(ReadOnly(text))),
        text().prop_map(|text| Err(Invalid(text))),
        text().prop_map(|text| Err(UnknownOutcome(text))),
    ]
}

fn client_message() -> impl Strategy<Value = ClientMessage> {
    use ClientMessage::*;
    prop_oneof![
        (any::<u64>(), query()).prop_map(|(request, query)| Query { request, query }),
        (any::<u64>(), write())
            .prop_map(|(request, write)| Write { request, write: Box::new(write) }),
        hello().prop_map(|hello| Hello(Box::new(hello))),
        any::<u64>().prop_map(|sequence| Heartbeat { sequence }),
        (name(), mode(), any::<u64>()).prop_map(|(election, mode, candidacy)| {
            Join { election, mode, candidacy: Candidacy(candidacy) }
        }),
        name().prop_map(|election| Leave { election }),
        (name(), any::<u64>())
            .prop_map(|(election, epoch)| SteppedDown { election, epoch: Epoch(epoch) }),
        (name(), any::<u64>(), name(), address()).prop_map(
            |(election, epoch, component, address)| {
                Publish { election, epoch: Epoch(epoch), component, address }
            }
        ),
        (name(), any::<u64>(), name()).prop_map(|(election, epoch, component)| Withdraw {
            election,
            epoch: Epoch(epoch),
            component
        }),
        name().prop_map(|component| Watch { component }),
        name().prop_map(|component| Unwatch { component }),
        Just(SyncEnd),
        Just(Goodbye),
        any::<u64>().prop_map(|request| Status { request }),
        (any::<u64>(), name(), option::of(1..u64::MAX), option::of(name())).prop_map(
            |(request, election, epoch, target)| Resign {
                request,
                election,
                epoch: epoch.map(Epoch),
                target
            }
        ),
    ]
}

fn welcome() -> impl Strategy<Value = Welcome> {
    let session = (1..u64::MAX, 1..u128::MAX)
        .prop_map(|(session, token)| (SessionId(session), SessionToken(token)));
    (
        (any::<u32>(), 1..u128::MAX, option::of(session), any::<bool>(), timing()),
        (any::<bool>(), any::<u64>(), option::of(name()), option::of(addresses())),
        (vec(leading(), 0..5), vec(leading(), 0..5)),
    )
        .prop_map(|(settled, here, (leading, superseded))| Welcome {
            version: settled.0,
            incarnation: Incarnation(settled.1),
            session: settled.2,
            resumed: settled.3,
            timing: settled.4,
            direct: here.0,
            revision: Revision(here.1),
            namespace: here.2,
            leading,
            superseded,
            addresses: here.3,
        })
}

fn server_message() -> impl Strategy<Value = ServerMessage> {
    use ServerMessage::*;
    let leader = (id(), address()).prop_map(|(id, address)| LeaderInformation { id, address });
    prop_oneof![
        (any::<u64>(), page()).prop_map(|(request, page)| Entries { request, page }),
        (any::<u64>(), written()).prop_map(|(request, result)| Written { request, result }),
        welcome().prop_map(|welcome| Welcome(Box::new(welcome))),
        (refusal(), text()).prop_map(|(code, reason)| Refused { code, reason }),
        any::<u64>().prop_map(|sequence| HeartbeatAck { sequence }),
        (name(), id(), any::<u64>()).prop_map(|(election, id, candidacy)| Granted {
            election,
            id,
            candidacy: Candidacy(candidacy)
        }),
        (name(), any::<u64>(), text()).prop_map(|(election, epoch, reason)| StepDown {
            election,
            epoch: Epoch(epoch),
            reason
        }),
        (name(), any::<u64>(), option::of(leader)).prop_map(|(component, revision, leader)| {
            Value { component, revision: Revision(revision), leader }
        }),
        any::<u64>().prop_map(|request| Status { request, status: Box::new(full_status()) }),
        (any::<u64>(), option::of(name()), refusal(), text()).prop_map(
            |(request, election, code, reason)| Failure { request, election, code, reason }
        ),
    ]
}

fn full_status() -> Status {
    Status {
        version: "1".into(),
        incarnation: "00ff".into(),
        revision: 7,
        uptime_ms: 8,
        durable: false,
        connections: 9,
        remote_grants_in_ms: 10,
        namespaces: vec![NamespaceStatus {
            store_keys: 19,
            store_bytes: 20,
            namespace: "/default".into(),
            mode: "per-process".into(),
            elections: vec![ElectionStatus {
                election: "process".into(),
                epoch: 11,
                leader_session: 12,
                candidates: vec![CandidateStatus { session: 12, name: "a".into(), leader: true }],
            }],
            components: vec![ComponentStatus {
                component: "dispatcher".into(),
                election: "process".into(),
                leader_session_id: "x".into(),
                address: "y".into(),
                revision: 13,
                watchers: 14,
            }],
            sessions: vec![SessionStatus {
                session: 12,
                name: "a".into(),
                peer_address: String::new(),
                connected: true,
                in_process: true,
                direct: true,
                age_ms: 15,
                session_timeout_ms: 16,
                disconnect_grace_ms: 17,
                expires_in_ms: 18,
            }],
        }],
        warnings: vec!["careful".into()],
        read_only: String::new(),
        data_bytes: 7,
    }
}

// --- What is said arrives

/// What a frame carries: one frame goes in, one comes out.
fn unframe(frame: &Bytes) -> Bytes {
    let mut reader = FrameReader::for_answers();
    reader.buffer().extend_from_slice(frame);
    let content = reader.next_frame().expect("within the limit").expect("whole");
    assert_eq!(reader.next_frame(), Ok(None), "nothing is left over");
    content
}

proptest! {
    #[test]
    fn client_messages_arrive_as_they_were_said(message in client_message()) {
        let frame = encode_client(&message).expect("it fits");
        prop_assert_eq!(decode_client(unframe(&frame)), Ok(message));
    }

    #[test]
    fn server_messages_arrive_as_they_were_said(message in server_message()) {
        let frame = encode_server(&message).expect("it fits");
        prop_assert_eq!(decode_server(unframe(&frame)), Ok(message));
    }

    #[test]
    fn frames_arrive_however_the_stream_is_cut(
        messages in vec(client_message(), 1..6),
        cuts in vec(1..40_usize, 1..20),
    ) {
        let frames: Vec<Bytes> =
            messages.iter().map(|message| encode_client(message).expect("it fits")).collect();
        let stream = frames.concat();
        let mut reader = FrameReader::default();
        let mut arrived = Vec::new();
        let mut rest = stream.as_slice();
        for size in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, later) = rest.split_at((*size).min(rest.len()));
            rest = later;
            reader.buffer().extend_from_slice(piece);
            while let Some(frame) = reader.next_frame().expect("within the limit") {
                arrived.push(decode_client(frame).expect("a message"));
            }
        }
        prop_assert_eq!(arrived, messages);
    }

    // --- What is no message is refused

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        let _ = decode_client(bytes.clone());
        let _ = decode_server(bytes.clone());
        let mut reader = FrameReader::default();
        reader.buffer().extend_from_slice(&bytes);
        while let Ok(Some(frame)) = reader.next_frame() {
            let _ = decode_client(frame);
        }
    }

    #[test]
    fn a_changed_byte_never_panics(
        message in client_message(),
        at in any::<prop::sample::Index>(),
        bits in 1..=255_u8,
    ) {
        let frame = encode_client(&message).expect("it fits");
        let mut content = unframe(&frame).to_vec();
        if !content.is_empty() {
            let at = at.index(content.len());
            content[at] ^= bits;
        }
        let _ = decode_client(Bytes::from(content));
    }

    #[test]
    fn a_truncated_message_is_no_other_message(message in server_message(), cut in 1..50_usize) {
        let frame = encode_server(&message).expect("it fits");
        let content = unframe(&frame);
        let cut = cut.min(content.len());
        let truncated = content.slice(..content.len() - cut);
        prop_assert_ne!(decode_server(truncated), Ok(message));
    }
}

/// Protobuf by hand: a field with a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
    out
}

/// Protobuf by hand: a number below 128.
fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

fn refused(decoded: Result<impl std::fmt::Debug, Error>) -> String {
    match decoded {
        Err(Error::Refused { code: Refusal::Protocol, reason }) => reason,
        other => panic!("not refused as malformed: {other:?}"),
    }
}

#[test]
fn what_lacks_its_body_is_refused() {
    assert!(refused(decode_client(Bytes::new())).contains("no body"));
    assert!(refused(decode_server(Bytes::new())).contains("no body"));
    // A body of a later version.
    let unknown = Bytes::from_static(&[0x82, 0x7d, 0]);
    assert!(refused(decode_client(unknown.clone())).contains("later version"));
    assert!(refused(decode_server(unknown)).contains("later version"));
}

#[test]
fn what_is_not_protobuf_is_refused() {
    let garbage = Bytes::from_static(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    assert!(refused(decode_client(garbage)).contains("no message"));
    // Join with an election that is not UTF-8.
    let latin = Bytes::from(field(3, &field(1, b"\xe4")));
    assert!(refused(decode_client(latin)).contains("no message"));
}

#[test]
fn fields_that_are_needed_are_asked_for() {
    // Join without an election: the name is empty.
    let error = decode_client(Bytes::from(field(3, &number(2, 1)))).expect_err("no election");
    assert!(error.to_string().contains("election"), "{error}");
    // Hello with a resume that names no token.
    let resume = field(7, &number(1, 5));
    let hello = [field(4, b"me"), resume].concat();
    assert!(refused(decode_client(Bytes::from(field(1, &hello)))).contains("Resume.token"));
    // A status reply without a status.
    assert!(refused(decode_server(Bytes::from(field(7, &number(1, 1))))).contains("status"));
    // A grant of epoch 0.
    assert!(refused(decode_server(Bytes::from(field(4, &field(1, b"e"))))).contains("epoch 0"));
}

#[test]
fn enums_out_of_range_are_refused_or_kept_in_words() {
    for mode in [0, 3, 100] {
        let join = [field(1, b"e"), number(2, mode)].concat();
        assert!(refused(decode_client(Bytes::from(field(3, &join)))).contains("mode"));
    }
    // A refusal of a newer server: what it says still reaches the user.
    let refusal = [number(1, 99), field(2, b"too much moon")].concat();
    let expected =
        ServerMessage::Refused { code: Refusal::Protocol, reason: "too much moon".to_owned() };
    assert_eq!(decode_server(Bytes::from(field(2, &refusal))), Ok(expected));
}

#[test]
fn names_are_bounded() {
    for (length, fits) in [(1, true), (1024, true), (1025, false)] {
        let name = "n".repeat(length);
        let decoded = decode_client(Bytes::from(field(8, &field(1, name.as_bytes()))));
        assert_eq!(decoded.is_ok(), fits, "a component of {length} bytes");
    }
}

#[test]
fn durations_are_bounded() {
    // A session time-out of 2^63 ms.
    let enormous = [&[5 << 3][..], &[0x80; 9], &[0x01]].concat();
    let hello = [field(4, b"me"), enormous].concat();
    let decoded = decode_client(Bytes::from(field(1, &hello)));
    assert!(matches!(decoded, Err(Error::Refused { code: Refusal::Timing, .. })), "{decoded:?}");
}

#[test]
fn time_outs_that_the_client_could_not_run_by_are_refused() {
    let timing = Timing { session_timeout: Duration::ZERO, disconnect_grace: Duration::ZERO };
    let welcome = Welcome {
        version: 1,
        incarnation: Incarnation(1),
        session: Some((SessionId(1), SessionToken(1))),
        resumed: false,
        timing,
        direct: true,
        revision: Revision(1),
        namespace: None,
        leading: Vec::new(),
        superseded: Vec::new(),
        addresses: None,
    };
    let frame = encode_server(&ServerMessage::Welcome(Box::new(welcome))).expect("it fits");
    assert!(refused(decode_server(unframe(&frame))).contains("session-timeout"));
}

// --- Sizes

fn publish(address: Bytes) -> ClientMessage {
    let name = |text| Name::new("name", text).expect("a literal name is valid");
    let (election, component) = (name("process"), name("dispatcher"));
    ClientMessage::Publish { election, epoch: Epoch(1), component, address }
}

/// What Java sends at the most: 65 536 characters of three bytes each.
#[test]
fn the_longest_address_of_java_arrives() {
    let address = Bytes::from("\u{20ac}".repeat(65_536));
    let message = publish(address.clone());
    let frame = encode_client(&message).expect("it fits");
    assert_eq!(decode_client(unframe(&frame)), Ok(message));

    let name = Name::new("name", "dispatcher").expect("a literal name is valid");
    let id = LeaderSessionId { epoch: Epoch(1), low: 2 };
    let leader = Some(LeaderInformation { id, address });
    let value = ServerMessage::Value { component: name, revision: Revision(1), leader };
    let frame = encode_server(&value).expect("it fits");
    assert_eq!(decode_server(unframe(&frame)), Ok(value));
}

#[test]
fn addresses_over_the_limit_are_refused_at_both_ends() {
    let just = publish(Bytes::from(vec![7; MAX_ADDRESS]));
    assert!(encode_client(&just).is_ok());
    let over = encode_client(&publish(Bytes::from(vec![7; MAX_ADDRESS + 1])));
    assert!(matches!(over, Err(Error::TooLarge { what: "an address", .. })), "{over:?}");

    let address = field(4, &vec![7; MAX_ADDRESS + 1]);
    let body = [field(1, b"e"), number(2, 1), field(3, b"c"), address].concat();
    let decoded = decode_client(Bytes::from(field(6, &body)));
    assert!(matches!(decoded, Err(Error::TooLarge { what: "an address", .. })), "{decoded:?}");
}

/// A slice of the frame would keep all that was read together with it.
#[test]
fn a_decoded_address_keeps_no_frame() {
    let frame = unframe(&encode_client(&publish(Bytes::from_static(b"here"))).expect("it fits"));
    let start = frame.as_ptr() as usize;
    let Ok(ClientMessage::Publish { address, .. }) = decode_client(frame.clone()) else {
        panic!("it is a Publish");
    };
    let at = address.as_ptr() as usize;
    assert!(at < start || at >= start + frame.len());
}

#[test]
fn a_length_over_the_limit_is_refused_before_anything_is_buffered() {
    for (mut reader, limit) in
        [(FrameReader::default(), MAX_FIRST_FRAME), (FrameReader::for_answers(), MAX_FRAME)]
    {
        reader.buffer().put_u32(limit as u32 + 1);
        let capacity = reader.buffer().capacity();
        let refused = reader.next_frame();
        assert_eq!(refused, Err(Error::TooLarge { what: "a frame", size: limit + 1, limit }),);
        assert_eq!(reader.buffer().capacity(), capacity);
    }
}

#[test]
fn after_the_first_frame_longer_ones_are_taken() {
    let mut reader = FrameReader::default();
    let short = encode_client(&ClientMessage::Goodbye).expect("it fits");
    let mut long = BytesMut::new();
    long.put_u32(MAX_FRAME as u32);
    long.put_bytes(0, MAX_FRAME);
    reader.buffer().extend_from_slice(&short);
    reader.buffer().extend_from_slice(&long);
    assert!(reader.next_frame().expect("short").is_some());
    assert_eq!(reader.next_frame().expect("long").map(|frame| frame.len()), Some(MAX_FRAME));
}

#[test]
fn a_status_over_the_limit_is_an_error_and_no_frame() {
    let mut status = full_status();
    status.warnings = vec!["w".repeat(MAX_FRAME)];
    let message = ServerMessage::Status { request: 1, status: Box::new(status) };
    assert!(matches!(encode_server(&message), Err(Error::TooLarge { .. })));
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let reason = "\u{20ac}".repeat(1000);
    let message = ServerMessage::Refused { code: Refusal::Limit, reason: reason.clone() };
    let frame = encode_server(&message).expect("it fits");
    let Ok(ServerMessage::Refused { reason: cut, .. }) = decode_server(unframe(&frame)) else {
        panic!("it is a Refused");
    };
    assert_eq!(cut, reason[..1023]);
}

/// A client that leads thousands of elections (`per-component`) can still come back.
#[test]
fn a_hello_fits_into_a_first_frame_however_much_it_leads() {
    let leading: Vec<Leading> = (1..=5_000)
        .map(|number| Leading {
            election: Name::new("election", &format!("job-{number:032}")).expect("a name"),
            id: LeaderSessionId { epoch: Epoch(u64::MAX - number), low: u64::MAX },
            candidacy: Candidacy(number),
            name: None,
        })
        .collect();
    let hello = Hello {
        min_version: 1,
        max_version: 1,
        namespace: None,
        name: Name::new("name", "me").expect("a name"),
        timing: Timing::default(),
        resume: None,
        seen: None,
        highest_epoch: Epoch(1),
        addresses: None,
        leading: leading.clone(),
    };
    let frame = encode_client(&ClientMessage::Hello(Box::new(hello))).expect("it fits");
    let mut reader = FrameReader::default();
    reader.buffer().extend_from_slice(&frame);
    let content = reader.next_frame().expect("within the first limit").expect("whole");
    let Ok(ClientMessage::Hello(arrived)) = decode_client(content) else {
        panic!("it is a Hello");
    };
    assert!(arrived.leading.len() > 500, "as many as fit: {}", arrived.leading.len());
    assert_eq!(arrived.leading, leading[..arrived.leading.len()]);
}

/// The largest write that the store takes, under the longest names, and its value on the way back.
#[test]
fn a_value_of_a_mebibyte_fits_into_a_frame() {
    let long = Name::new("name", &"n".repeat(1024)).expect("as long as it may be");
    let value = Bytes::from(vec![7; MAX_VALUE]);
    let create = OperationKind::Create { key: long.clone(), value: value.clone() };
    let fences = vec![Fence { election: long.clone(), epoch: Epoch(u64::MAX) }; 8];
    let operations = vec![Operation { election: long.clone(), kind: create }];
    Write::check(&fences, &operations).expect("within the limits");
    let write = Write {
        id: WriteId { client: ClientId(u128::MAX), sequence: u64::MAX },
        had_below: u64::MAX,
        age_ms: u64::MAX,
        incarnation: Incarnation(u128::MAX),
        fences,
        operations,
    };
    let message = ClientMessage::Write { request: u64::MAX, write: Box::new(write) };
    let frame = encode_client(&message).expect("it fits");
    assert_eq!(decode_client(unframe(&frame)), Ok(message));
    let entries = vec![PageEntry { key: long, version: Revision(u64::MAX), value }];
    let page = Page { revision: Revision(u64::MAX), entries, more: true };
    let message = ServerMessage::Entries { request: u64::MAX, page };
    let frame = encode_server(&message).expect("it fits");
    assert_eq!(decode_server(unframe(&frame)), Ok(message));
}

/// As many operations as are taken, with the shortest names: what is counted for each is enough.
#[test]
fn whatever_the_store_takes_fits_into_a_frame() {
    let short = Name::new("name", "n").expect("short");
    let kind = OperationKind::Replace {
        key: short.clone(),
        version: Revision(u64::MAX),
        value: Bytes::from(vec![7; 205]),
    };
    let operations = vec![Operation { election: short.clone(), kind }; 4096];
    let fences = vec![Fence { election: short, epoch: Epoch(u64::MAX) }; 64];
    Write::check(&fences, &operations).expect("within the limits");
    let write = Write {
        id: WriteId { client: ClientId(1), sequence: 1 },
        had_below: 1,
        age_ms: 0,
        incarnation: Incarnation(1),
        fences,
        operations,
    };
    let message = ClientMessage::Write { request: 1, write: Box::new(write) };
    encode_client(&message).expect("it fits");
}
