//! Colour-vision deficiencies at full severity, simulated.
//!
//! Source: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A Physiologically-based Model for
//! Simulation of Color Vision Deficiency", IEEE TVCG 15 (2009), matrices for severity 1.0, applied
//! in linear light.

use hallwatch::ui::theme::color::Rgb;

/// How somebody sees colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vision {
    Normal,
    Deutan,
    Protan,
    Tritan,
}

impl Vision {
    pub const ALL: [Self; 4] = [Self::Normal, Self::Deutan, Self::Protan, Self::Tritan];

    const fn matrix(self) -> [[f64; 3]; 3] {
        match self {
            Self::Normal => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            Self::Deutan => [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
            Self::Protan => [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
            Self::Tritan => [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        }
    }

    /// The colour that looks to everybody as `color` looks in this vision.
    pub fn sees(self, color: Rgb) -> Rgb {
        let v = color.linear();
        Rgb::from_linear(self.matrix().map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2]))
    }
}

/// Reference: colorspacious 1.1.2, `sRGB1+CVD` at severity 100.
#[test]
fn red_and_green_meet_where_they_should() {
    assert_eq!(Vision::Normal.sees(Rgb(1, 128, 255)), Rgb(1, 128, 255));
    for v in Vision::ALL {
        let grey = v.sees(Rgb(128, 128, 128));
        assert!(grey.0.abs_diff(128) <= 1 && grey.1.abs_diff(128) <= 1 && grey.2.abs_diff(128) <= 1, "{v:?}");
    }
    assert_eq!(Vision::Deutan.sees(Rgb(0xff, 0x5a, 0x4f)), Rgb(177, 160, 74));
}
