/*
 * FADT (ACPI 6.5, 5.2.9): power management registers, and where the DSDT is.
 *
 * Fields are read as far as the table is long, whatever revision it claims. Pure: no state, any
 * context.
 */
#include "kernel/acpi/parsers.h"

enum fadt_field {
	FADT_DSDT = 40,
	FADT_SCI_INT = 46,
	FADT_SMI_CMD = 48,
	FADT_ACPI_ENABLE = 52,
	FADT_PM1A_CNT_BLK = 64,
	FADT_PM1B_CNT_BLK = 68,
	FADT_PM_TMR_BLK = 76,
	FADT_PM1_CNT_LEN = 89,
	FADT_PM_TMR_LEN = 91,
	FADT_IAPC_BOOT_ARCH = 109,
	FADT_FLAGS = 112,
	FADT_BYTES_MIN = 116, /* all of ACPI 1.0 */
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_MINOR_VERSION = 131,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_CNT_BLK = 172,
	FADT_X_PM1B_CNT_BLK = 184,
	FADT_X_PM_TMR_BLK = 208,
};

#define GAS_BYTES 12

/* A generic address at `offset`; all zero if the table ends before. */
static struct acpi_gas read_gas(const struct acpi_table *table, uint32_t offset)
{
	const uint8_t *p = table->data + offset;

	if (table->bytes < offset + GAS_BYTES)
		return (struct acpi_gas){0};
	return (struct acpi_gas){
		.space = p[0],
		.width_bits = p[1],
		.offset_bits = p[2],
		.access = p[3],
		.address = acpi_read64(p + 4),
	};
}

static bool is_reachable(const struct acpi_gas *gas)
{
	return gas->address != 0 && (gas->space == ACPI_SPACE_MEMORY ||
				     (gas->space == ACPI_SPACE_IO && gas->address <= UINT16_MAX));
}

/* A register block of `bytes` bytes: the extended address where it is usable, else the I/O port. */
static struct acpi_gas read_block(struct acpi_info *info, const struct acpi_table *table,
				  const char *name, uint32_t port_offset, uint32_t gas_offset,
				  unsigned bytes)
{
	uint32_t port = acpi_read32(table->data + port_offset);
	struct acpi_gas gas = read_gas(table, gas_offset);

	if (is_reachable(&gas)) {
		if (port && gas.space == ACPI_SPACE_IO && gas.address != port)
			acpi_note(&info->warnings,
				  "FADT: %s is at 0x%x and at 0x%llx, using the latter", name, port,
				  (unsigned long long)gas.address);
		return gas;
	}
	if (gas.address)
		acpi_note(&info->warnings, "FADT: extended address of %s is unusable, ignored",
			  name);
	if (port > UINT16_MAX) {
		acpi_note(&info->warnings, "FADT: %s is at 0x%x, which is no I/O port, ignored",
			  name, port);
		port = 0;
	}
	if (port == 0)
		return (struct acpi_gas){0};
	return (struct acpi_gas){
		.space = ACPI_SPACE_IO,
		.width_bits = (uint8_t)(bytes * 8),
		.address = port,
	};
}

static void read_reset(struct acpi_info *info, const struct acpi_table *table)
{
	struct acpi_fadt *fadt = &info->fadt;

	if (!(fadt->flags & ACPI_FADT_RESET_REG) || table->bytes <= FADT_RESET_VALUE)
		return;
	fadt->reset = read_gas(table, FADT_RESET_REG);
	fadt->reset_value = table->data[FADT_RESET_VALUE];
	if (!is_reachable(&fadt->reset) && fadt->reset.space != ACPI_SPACE_PCI) {
		acpi_note(&info->warnings, "FADT: reset register is unusable, ignored");
		fadt->reset = (struct acpi_gas){0};
	}
}

static void read_blocks(struct acpi_info *info, const struct acpi_table *table)
{
	struct acpi_fadt *fadt = &info->fadt;

	if (fadt->flags & ACPI_FADT_HW_REDUCED)
		return;
	fadt->pm1a_control = read_block(info, table, "PM1a control", FADT_PM1A_CNT_BLK,
					FADT_X_PM1A_CNT_BLK, table->data[FADT_PM1_CNT_LEN]);
	fadt->pm1b_control = read_block(info, table, "PM1b control", FADT_PM1B_CNT_BLK,
					FADT_X_PM1B_CNT_BLK, table->data[FADT_PM1_CNT_LEN]);
	if (table->data[FADT_PM_TMR_LEN] == 4)
		fadt->pm_timer =
			read_block(info, table, "PM timer", FADT_PM_TMR_BLK, FADT_X_PM_TMR_BLK, 4);
}

void acpi_fadt_parse(struct acpi_info *info, const struct acpi_table *table)
{
	struct acpi_fadt *fadt = &info->fadt;
	const uint8_t *p = table->data;

	if (table->bytes < FADT_BYTES_MIN) {
		acpi_note(&info->warnings, "FADT: %u bytes, too short, ignored", table->bytes);
		return;
	}
	fadt->present = true;
	fadt->major = acpi_table_revision(table);
	/* Before 5.1 the byte was reserved; its upper half counts errata. */
	if (fadt->major >= 5 && table->bytes > FADT_MINOR_VERSION)
		fadt->minor = p[FADT_MINOR_VERSION] & 0xf;
	fadt->sci_irq = acpi_read16(p + FADT_SCI_INT);
	fadt->smi_command = acpi_read32(p + FADT_SMI_CMD);
	fadt->acpi_enable = p[FADT_ACPI_ENABLE];
	fadt->boot_arch = acpi_read16(p + FADT_IAPC_BOOT_ARCH);
	fadt->flags = acpi_read32(p + FADT_FLAGS);
	if (fadt->smi_command > UINT16_MAX) {
		acpi_note(&info->warnings, "FADT: SMI command port 0x%x is no I/O port, ignored",
			  fadt->smi_command);
		fadt->smi_command = 0;
	}
	read_reset(info, table);
	read_blocks(info, table);
	if (table->bytes >= FADT_X_DSDT + 8)
		fadt->dsdt = acpi_read64(p + FADT_X_DSDT);
	if (fadt->dsdt == 0)
		fadt->dsdt = acpi_read32(p + FADT_DSDT);
}
