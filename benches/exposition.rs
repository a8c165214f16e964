//! Cost of reading exporter text: a page of dcgm-exporter with 25 families of 8 GPUs, of which the
//! console wants 8. Elements are lines, comments included.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hallwatch::model::Timestamp;
use hallwatch::source::scrape::page::Memo;
use hallwatch::source::scrape::{exposition, families};

const WANTED: [&str; 8] = [
    "DCGM_FI_DEV_SM_CLOCK",
    "DCGM_FI_DEV_MEMORY_TEMP",
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_XID_ERRORS",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_PROF_SM_ACTIVE",
];

const OTHERS: [&str; 17] = [
    "DCGM_FI_DEV_MEM_CLOCK",
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER",
    "DCGM_FI_DEV_MEM_COPY_UTIL",
    "DCGM_FI_DEV_ENC_UTIL",
    "DCGM_FI_DEV_DEC_UTIL",
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
    "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS",
    "DCGM_FI_DEV_ROW_REMAP_FAILURE",
    "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL",
    "DCGM_FI_DEV_VGPU_LICENSE_STATUS",
    "DCGM_FI_PROF_SM_OCCUPANCY",
    "DCGM_FI_PROF_DRAM_ACTIVE",
    "DCGM_FI_PROF_PCIE_TX_BYTES",
    "DCGM_FI_PROF_PCIE_RX_BYTES",
    "DCGM_FI_PROF_NVLINK_TX_BYTES",
    "DCGM_FI_PROF_NVLINK_RX_BYTES",
];

/// The page; wanted and other families take turns, as they do in the default list of the exporter.
fn page() -> String {
    let mut page = String::new();
    let mut others = OTHERS.iter();
    for wanted in WANTED {
        family(&mut page, wanted);
        others.by_ref().take(2).for_each(|name| family(&mut page, name));
    }
    others.for_each(|name| family(&mut page, name));
    page
}

fn family(page: &mut String, name: &str) {
    let mut write = |text: std::fmt::Arguments<'_>| page.write_fmt(text).expect("a string takes all");
    write(format_args!("# HELP {name} Some words about {name} (in units).\n# TYPE {name} gauge\n"));
    for gpu in 0..8_u32 {
        let uuid = format!("GPU-{:08x}-7dc2-4667-5639-a30a879048ae", gpu.wrapping_mul(0x9e37_79b9));
        let tail = if name.ends_with("XID_ERRORS") { ",err_code=\"0\",err_msg=\"No Error\"" } else { "" };
        let value = if name.contains("PROF") {
            "0.437512"
        } else if name.contains("POWER") {
            "612.582000"
        } else {
            "73"
        };
        write(format_args!(
            "{name}{{gpu=\"{gpu}\",UUID=\"{uuid}\",pci_bus_id=\"00000000:{gpu:02X}:00.0\",device=\"nvidia{gpu}\",modelName=\"NVIDIA H100 80GB HBM3\",Hostname=\"kvd-h3-r17-k5-t09\",DCGM_FI_DRIVER_VERSION=\"580.105.08\"{tail}}} {value}\n"
        ));
    }
}

fn bench(c: &mut Criterion) {
    let page = page();
    let lines = page.lines().count() as u64;
    let mut group = c.benchmark_group("exposition");
    group.throughput(Throughput::Elements(lines));
    group.bench_function("scan", |b| {
        b.iter(|| {
            let mut sum = 0.0;
            let tally = exposition::scan(black_box(page.as_bytes()), families::lookup, |_, s| sum += s.value);
            assert_eq!(tally.samples, 64);
            sum
        });
    });
    let mut memo = Memo::new("n1:9400", &[]);
    group.bench_function("page to reading", |b| {
        b.iter(|| {
            let page = memo.read(black_box(page.as_bytes()), Timestamp(0));
            assert_eq!(page.host.gpus.len(), 8);
            page
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
