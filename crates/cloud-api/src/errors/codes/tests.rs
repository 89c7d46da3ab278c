//! The documented table of codes, row by row, written down a second time.

use super::*;

/// Codes, HTTP status of the documentation (0 where it names none), class.
#[rustfmt::skip]
const DOCUMENTED: &[(&[i64], u16, RetryClass)] = &[
    (&[0, 190], 401, TOKEN),
    (&[3], 500, FIX),
    (&[10, 200, 250, 299, 131_005], 403, FIX),
    (&[1], 400, UNCERTAIN),
    (&[2], 503, UNCERTAIN),
    (&[4], 400, soon(60)),
    (&[33], 400, FIX),
    (&[100], 400, FIX),
    (&[368], 403, FIX),
    (&[613], 429, soon(1)),
    (&[80_007, 80_008], 400, soon(60)),
    (&[130_403], 0, FIX),
    (&[130_429], 400, soon(1)),
    (&[130_472], 400, NEVER),
    (&[130_497], 403, FIX),
    (&[131_000], 500, UNCERTAIN),
    (&[131_008, 131_009], 400, FIX),
    (&[131_016], 500, UNCERTAIN),
    (&[131_020], 400, FIX),
    (&[131_021], 400, FIX),
    (&[131_026], 400, NEVER),
    (&[131_030], 400, FIX),
    (&[131_031], 403, FIX),
    (&[131_037], 400, FIX),
    (&[131_041, 131_059, 131_202, 131_203, 131_204, 131_205, 131_206, 131_209, 131_210, 131_211,
       131_212, 131_213, 131_214, 131_215], 400, FIX),
    (&[131_201], 206, FIX),
    (&[131_207], 403, FIX),
    (&[131_208], 429, soon(10)),
    (&[131_042, 131_044], 400, FIX),
    (&[131_045], 500, FIX),
    (&[131_047], 400, FIX),
    (&[131_048], 400, FIX),
    (&[131_049], 400, later(86_400)),
    (&[131_050], 400, NEVER),
    (&[131_051], 400, FIX),
    (&[131_052, 131_053], 400, FIX),
    (&[131_055], 400, FIX),
    (&[131_056], 400, PAIR_RATE),
    (&[131_057], 500, soon(15)),
    (&[131_060], 0, FIX),
    (&[131_062], 0, FIX),
    (&[131_063], 0, FIX),
    (&[131_064], 0, FIX),
    (&[132_000, 132_008, 132_012, 132_018], 400, FIX),
    (&[132_001], 404, FIX),
    (&[132_005, 132_007], 400, FIX),
    (&[132_015], 400, later(10_800)),
    (&[132_016], 400, FIX),
    (&[132_068], 400, FIX),
    (&[132_069], 400, later(3_600)),
    (&[133_000], 500, FIX),
    (&[133_004], 503, UNCERTAIN),
    (&[133_005, 133_006], 400, FIX),
    (&[133_008, 133_009], 400, later(3_600)),
    (&[133_010], 400, FIX),
    (&[133_015], 400, later(300)),
    (&[133_016], 400, later(259_200)),
    (&[134_011], 400, FIX),
    (&[134_100], 400, FIX),
    (&[134_101], 400, later(600)),
    (&[134_102], 500, FIX),
    (&[135_000], 400, FIX),
    (&[136_024], 0, FIX),
    (&[137_000], 0, FIX),
    (&[138_000], 401, FIX),
    (&[138_001], 400, NEVER),
    (&[138_002, 138_005], 429, soon(1)),
    (&[138_003], 400, later(60)),
    (&[138_004, 138_007], 500, soon(1)),
    (&[138_006], 401, FIX),
    (&[138_009], 400, later(86_400)),
    (&[138_012], 400, later(86_400)),
    (&[138_013, 138_014, 138_015, 138_017, 138_018], 400, FIX),
    (&[138_019, 138_020, 138_021, 138_022, 138_023], 400, soon(1)),
    (&[139_000, 139_001, 139_002, 139_003, 139_004], 0, FIX),
    (&[139_100, 139_101], 400, FIX),
    (&[139_102], 400, soon(1)),
    (&[139_103], 400, UNCERTAIN),
    (&[147_001, 147_002, 147_003, 147_004, 147_005], 400, FIX),
    (&[1_752_041], 400, FIX),
    (&[2_388_001, 2_388_012, 2_388_019, 2_388_039, 2_388_040, 2_388_047, 2_388_072, 2_388_073,
       2_388_091, 2_388_093, 2_388_103, 2_388_293, 2_388_299], 0, FIX),
    (&[2_494_100], 0, later(300)),
    (&[2_494_164, 2_494_179], 0, FIX),
    (&[2_593_107, 2_593_108, 2_593_109], 400, FIX),
    (&[200_005, 200_006, 200_007], 0, FIX),
];

#[test]
fn every_documented_code_has_its_class_and_an_explanation() {
    for (codes, status, class) in DOCUMENTED {
        for code in *codes {
            assert_eq!(classify(Some(*code), *status, false), *class, "{code}");
            assert!(explain(*code).is_some(), "{code}");
        }
    }
}

#[test]
fn every_row_of_the_table_is_documented_and_in_order() {
    let mut previous = -1;
    for (first, last, ..) in ROWS {
        assert!(previous < *first && first <= last, "{first}");
        previous = *last;
        let covered = |(codes, ..): &(&[i64], u16, RetryClass)| {
            codes.iter().any(|code| (*first..=*last).contains(code))
        };
        assert!(DOCUMENTED.iter().any(covered), "{first}");
    }
}

#[test]
fn codes_that_are_not_known_follow_the_status() {
    for code in [None, Some(999_999)] {
        assert_eq!(classify(code, 400, false), FIX);
        assert_eq!(classify(code, 401, false), FIX);
        assert_eq!(classify(code, 302, false), FIX);
        assert_eq!(classify(code, 400, true), soon(5));
        assert_eq!(classify(code, 429, false), soon(5));
        assert_eq!(classify(code, 408, false), UNCERTAIN);
        assert_eq!(classify(code, 500, true), UNCERTAIN);
        assert_eq!(classify(code, 503, false), UNCERTAIN);
        assert_eq!(classify(code, 200, false), UNCERTAIN);
    }
}
