// Ibex core and register file; ibex_top would add a clock gate, an instruction cache and lockstep. ibex_controller.sv asks for the instance by this name.
module soc #(
  parameter int RV32M = 2,
  parameter int RV32B = 0,
  parameter bit BRANCH_TARGET_ALU = 0,
  parameter bit WRITEBACK_STAGE = 0
) (
  input  logic clk, input logic rst_n,
  output logic instr_req, output logic [31:0] instr_addr,
  input  logic instr_rvalid, input logic [31:0] instr_rdata,
  output logic data_req, output logic data_we, output logic [3:0] data_be,
  output logic [31:0] data_addr, output logic [31:0] data_wdata,
  input  logic data_rvalid, input logic [31:0] data_rdata,
  output logic trap, output logic [31:0] pc
);
  import ibex_pkg::*;

  logic [4:0] raddr_a, raddr_b, waddr;
  logic [31:0] rdata_a, rdata_b, wdata;
  logic we;

  assign trap = 1'b0;
  assign pc = u_ibex_core.pc_id;

  ibex_core #(
    .RV32M(rv32m_e'(RV32M)),
    .RV32B(rv32b_e'(RV32B)),
    .BranchTargetALU(BRANCH_TARGET_ALU),
    .WritebackStage(WRITEBACK_STAGE)
  ) u_ibex_core (
    .clk_i(clk), .rst_ni(rst_n), .hart_id_i(32'h0), .boot_addr_i(32'h1000),
    .instr_req_o(instr_req), .instr_gnt_i(1'b1), .instr_rvalid_i(instr_rvalid),
    .instr_addr_o(instr_addr), .instr_rdata_i(instr_rdata), .instr_err_i(1'b0),
    .data_req_o(data_req), .data_gnt_i(1'b1), .data_rvalid_i(data_rvalid), .data_we_o(data_we),
    .data_be_o(data_be), .data_addr_o(data_addr), .data_wdata_o(data_wdata),
    .data_rdata_i(data_rdata), .data_err_i(1'b0),
    .rf_raddr_a_o(raddr_a), .rf_raddr_b_o(raddr_b), .rf_waddr_wb_o(waddr), .rf_we_wb_o(we),
    .rf_wdata_wb_ecc_o(wdata), .rf_rdata_a_ecc_i(rdata_a), .rf_rdata_b_ecc_i(rdata_b),
    .dummy_instr_id_o(), .dummy_instr_wb_o(),
    .ic_tag_req_o(), .ic_tag_write_o(), .ic_tag_addr_o(), .ic_tag_wdata_o(),
    .ic_tag_rdata_i('{default: '0}),
    .ic_data_req_o(), .ic_data_write_o(), .ic_data_addr_o(), .ic_data_wdata_o(),
    .ic_data_rdata_i('{default: '0}),
    .ic_scr_key_valid_i(1'b0), .ic_scr_key_req_o(),
    .irq_software_i(1'b0), .irq_timer_i(1'b0), .irq_external_i(1'b0), .irq_fast_i(15'b0),
    .irq_nm_i(1'b0), .irq_pending_o(),
    .debug_req_i(1'b0), .crash_dump_o(), .double_fault_seen_o(),
    .fetch_enable_i(IbexMuBiOn), .alert_minor_o(), .alert_major_internal_o(),
    .alert_major_bus_o(), .core_busy_o()
  );

  ibex_register_file_ff registers (
    .clk_i(clk), .rst_ni(rst_n), .test_en_i(1'b0), .dummy_instr_id_i(1'b0), .dummy_instr_wb_i(1'b0),
    .raddr_a_i(raddr_a), .rdata_a_o(rdata_a), .raddr_b_i(raddr_b), .rdata_b_o(rdata_b),
    .waddr_a_i(waddr), .wdata_a_i(wdata), .we_a_i(we), .err_o()
  );
endmodule

// A name that lowRISC's build generates.
module prim_buf #(
  parameter int Width = 1
) (
  input  logic [Width-1:0] in_i,
  output logic [Width-1:0] out_o
);
  assign out_o = in_i;
endmodule
