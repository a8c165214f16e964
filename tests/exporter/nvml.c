/* A library that answers as NVIDIA's management library would for two GPUs: the second one lacks the
   memory sensor, the margin and ECC. Only what the exporter asks for; structs are those of nvml.h. */
#include <string.h>

typedef struct { int number; } Device;
static Device devices[2] = {{0}, {1}};
enum { OK = 0, NOT_SUPPORTED = 3, UINT = 1, ULONGLONG = 3 };

typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; } Pci;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory;
typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { unsigned version; int margin; } Margin;
typedef struct {
    unsigned field, scope;
    long long timestamp, latency;
    unsigned type, code;
    union { double d; unsigned u; unsigned long long ull; } value;
} Field;

int nvmlInit_v2(void) { return OK; }
int nvmlInitWithFlags(unsigned flags) { (void)flags; return OK; }
int nvmlShutdown(void) { return OK; }
int nvmlSystemGetDriverVersion(char *out, unsigned size) { strncpy(out, "580.105.08", size); return OK; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, Device **out) {
    if (i > 1) return NOT_SUPPORTED;
    *out = &devices[i];
    return OK;
}
int nvmlDeviceGetUUID(Device *d, char *out, unsigned size) {
    strncpy(out, d->number ? "GPU-22222222-0000-0000-0000-000000000000" : "GPU-11111111-0000-0000-0000-000000000000", size);
    return OK;
}
int nvmlDeviceGetName(Device *d, char *out, unsigned size) { (void)d; strncpy(out, "NVIDIA H100 \"80GB\"", size); return OK; }
int nvmlDeviceGetPciInfo_v3(Device *d, Pci *out) {
    memset(out, 0, sizeof *out);
    strcpy(out->legacy, "0000:53:00.0");
    strcpy(out->bus_id, d->number ? "00000000:64:00.0" : "00000000:53:00.0");
    return OK;
}
int nvmlDeviceGetMemoryInfo_v2(Device *d, Memory *out) {
    (void)d;
    out->total = 81559ull << 20;
    out->reserved = 480ull << 20;
    out->used = (1000ull << 20) + 5;
    out->free = out->total - out->reserved - out->used;
    return OK;
}
int nvmlDeviceGetUtilizationRates(Device *d, Utilization *out) { out->gpu = d->number ? 0 : 97; out->memory = 11; return OK; }
int nvmlDeviceGetTemperature(Device *d, unsigned sensor, unsigned *out) { (void)sensor; *out = 52 + d->number; return OK; }
int nvmlDeviceGetMarginTemperature(Device *d, Margin *out) {
    if (d->number || out->version != (sizeof *out | 1u << 24)) return NOT_SUPPORTED;
    out->margin = -3;
    return OK;
}
int nvmlDeviceGetPowerUsage(Device *d, unsigned *out) { (void)d; *out = 68570; return OK; }
int nvmlDeviceGetClockInfo(Device *d, unsigned clock, unsigned *out) { (void)d; *out = clock == 2 ? 2619 : 1980; return OK; }
int nvmlDeviceGetCurrentClocksThrottleReasons(Device *d, unsigned long long *out) { (void)d; *out = 0x24; return OK; }
int nvmlDeviceGetTotalEnergyConsumption(Device *d, unsigned long long *out) { (void)d; *out = 123456789012ull; return OK; }
int nvmlDeviceGetTotalEccErrors(Device *d, unsigned kind, unsigned counter, unsigned long long *out) {
    if (d->number) return NOT_SUPPORTED;
    *out = 10 * kind + counter;
    return OK;
}
int nvmlDeviceGetFieldValues(Device *d, int count, Field *fields) {
    for (int i = 0; i < count; i++) {
        Field *f = &fields[i];
        f->code = OK;
        f->type = UINT;
        switch (f->field) {
        case 82: f->code = d->number ? NOT_SUPPORTED : OK; f->value.u = 61; break;
        case 185: f->value.u = 68570 + d->number; break;
        case 186: f->value.u = 70001; break;
        case 142: f->value.u = 2; break;
        case 143: f->value.u = 1; break;
        case 144: case 145: f->value.u = 0; break;
        case 74: f->type = ULONGLONG; f->value.ull = 7015662857000ull; break;
        case 271: f->type = ULONGLONG; f->value.ull = 42; break; /* the power brake, as drivers from 580.82 number it */
        default: f->code = NOT_SUPPORTED;
        }
    }
    return OK;
}
